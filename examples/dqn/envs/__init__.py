"""What is played: environments, alone and side by side."""
