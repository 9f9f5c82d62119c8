"""What computes the values of actions, and how each kind is acted with."""
