"""The rules: what to clip to."""

from keras_gradclip.clippers import base, rules
from keras_gradclip.clippers.base import *  # noqa: F403
from keras_gradclip.clippers.lookup import get
from keras_gradclip.clippers.rules import *  # noqa: F403

__all__ = ["base", "get"]
__all__ += base.__all__
__all__ += rules.__all__
