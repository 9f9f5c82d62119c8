"""What does clipping add to a training step?"""
