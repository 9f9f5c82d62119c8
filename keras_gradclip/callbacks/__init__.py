"""How people see what clipping did."""

from keras_gradclip.callbacks.clip_monitor import ClipMonitor

__all__ = ["ClipMonitor"]
