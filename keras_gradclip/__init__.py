"""Adaptive gradient clipping for Keras 3."""

from keras_gradclip import advice, callbacks, clippers, models, optimizers
from keras_gradclip._math.unit_axes import unit_axes_of
from keras_gradclip.advice import advise
from keras_gradclip.callbacks import ClipMonitor, Trace, read_trace
from keras_gradclip.clippers import Clipper
from keras_gradclip.clippers.rules import *  # noqa: F403
from keras_gradclip.models import ClippedModel
from keras_gradclip.optimizers import ClippingMixin, add_clipper, clip_history

__version__ = "0.1.0"

__all__ = [
    "ClipMonitor",
    "ClippedModel",
    "Clipper",
    "ClippingMixin",
    "Trace",
    "add_clipper",
    "advice",
    "advise",
    "callbacks",
    "clip_history",
    "clippers",
    "models",
    "optimizers",
    "read_trace",
    "unit_axes_of",
]
__all__ += clippers.rules.__all__
