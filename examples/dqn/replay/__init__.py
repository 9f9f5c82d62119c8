"""What the agent remembers, and how it is drawn."""
