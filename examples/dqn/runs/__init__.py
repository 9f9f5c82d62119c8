"""What surrounds a run: its folder, its pictures, its processes."""
