"""How people see what clipping did."""

from keras_gradclip.callbacks.clip_monitor import ClipMonitor
from keras_gradclip.callbacks.spikes import Spike
from keras_gradclip.callbacks.trace import Trace
from keras_gradclip.callbacks.trace_files import read_trace

__all__ = ["ClipMonitor", "Spike", "Trace", "read_trace"]
