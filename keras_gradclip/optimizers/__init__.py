"""Keras's optimizers with adaptive gradient clipping."""

from keras_gradclip.optimizers import keras_optimizers
from keras_gradclip.optimizers.add_clipper import add_clipper, find_clipped
from keras_gradclip.optimizers.clipping_mixin import ClippingMixin
from keras_gradclip.optimizers.keras_optimizers import *  # noqa: F403
from keras_gradclip.optimizers.reading import clip_history, find_all_clipped

__all__ = [
    "ClippingMixin",
    "add_clipper",
    "clip_history",
    "find_all_clipped",
    "find_clipped",
    *(cls.__name__ for cls in keras_optimizers.TWINS.values()),
]
