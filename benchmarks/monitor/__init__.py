"""What a `ClipMonitor` adds to a step of training."""
