"""The train_step override."""

from keras_gradclip.models.clipped_model import ClippedModel

__all__ = ["ClippedModel"]
