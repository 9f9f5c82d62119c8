"""Adaptive gradient clipping for Keras 3."""

from keras_gradclip import callbacks, clippers, models, optimizers
from keras_gradclip.callbacks import ClipMonitor
from keras_gradclip.clippers import (
    AGC,
    AdaGC,
    AutoClip,
    Chain,
    ClipByNorm,
    ClipByValue,
    Clipper,
    QuantileClip,
    ZClip,
)
from keras_gradclip.models import ClippedModel
from keras_gradclip.optimizers import ClippingMixin, clipped
from keras_gradclip.unit_axes import unit_axes_of

__version__ = "0.1.0"

__all__ = [
    "AGC",
    "AdaGC",
    "AutoClip",
    "Chain",
    "ClipByNorm",
    "ClipByValue",
    "ClipMonitor",
    "ClippedModel",
    "Clipper",
    "ClippingMixin",
    "QuantileClip",
    "ZClip",
    "callbacks",
    "clipped",
    "clippers",
    "models",
    "optimizers",
    "unit_axes_of",
]
