"""The rules: what to clip to."""

from typing import Any

import keras

from keras_gradclip.clippers.adagc import AdaGC
from keras_gradclip.clippers.agc import AGC
from keras_gradclip.clippers.autoclip import AutoClip
from keras_gradclip.clippers.chain import Chain
from keras_gradclip.clippers.clip_by_norm import ClipByNorm
from keras_gradclip.clippers.clip_by_value import ClipByValue
from keras_gradclip.clippers.clipper import Clipper
from keras_gradclip.clippers.measured import Measured, Record
from keras_gradclip.clippers.quantile_clip import QuantileClip
from keras_gradclip.clippers.zclip import ZClip

__all__ = [
    "AGC",
    "AdaGC",
    "AutoClip",
    "Chain",
    "ClipByNorm",
    "ClipByValue",
    "Clipper",
    "Measured",
    "QuantileClip",
    "Record",
    "ZClip",
    "get",
]

# The rules that need no argument, by the name that a user may type.
_BY_NAME: dict[str, type[Clipper]] = {
    cls.__name__.lower(): cls for cls in (AutoClip, AGC, ZClip, AdaGC, QuantileClip)
}


def get(clipper: Any) -> Clipper | None:
    """Returns a clipper from what a user may pass as one.

    Args:
        clipper: A `Clipper`, the name of a rule with its defaults such as
            `"autoclip"`, a config as `keras.saving.serialize_keras_object`
            makes it, or `None`.

    Raises:
        ValueError: If `clipper` is none of these.
    """
    if isinstance(clipper, dict):
        clipper = keras.saving.deserialize_keras_object(clipper)
    if isinstance(clipper, str) and clipper.lower() in _BY_NAME:
        return _BY_NAME[clipper.lower()]()
    if clipper is None or isinstance(clipper, Clipper):
        return clipper
    raise ValueError(
        "`clipper` must be a Clipper, a config of one, None or one of "
        f"{', '.join(map(repr, _BY_NAME))}. Received: clipper={clipper!r}"
    )
