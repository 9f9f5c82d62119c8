"""What one run depends on: every knob, its range, and how it is set."""
