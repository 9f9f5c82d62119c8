"""What to set: rules held against norms that were seen."""

from keras_gradclip.advice.advise import Advice, advise

__all__ = ["Advice", "advise"]
