"""From what a user may pass as a clipper to one."""

from typing import Any

import keras

from keras_gradclip.clippers import rules
from keras_gradclip.clippers.clipper import Clipper


def _by_name() -> dict[str, type[Clipper]]:
    classes = (getattr(rules, name) for name in rules.__all__)
    return {_plain(cls.__name__): cls for cls in classes if cls is not rules.Chain}


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def get(clipper: Any) -> Clipper | None:
    """Returns a clipper from what a user may pass as one.

    Args:
        clipper: A `Clipper`; the name of a rule, which then has its defaults,
            written in any way of Keras: `"clip_by_norm"`, `"ClipByNorm"` or
            `"clipbynorm"`; a config as `keras.saving.serialize_keras_object`
            makes it; or `None`.

    Raises:
        ValueError: If `clipper` is none of these.
    """
    if isinstance(clipper, dict):
        clipper = keras.saving.deserialize_keras_object(clipper)
    by_name = _by_name()
    if isinstance(clipper, str) and _plain(clipper) in by_name:
        return by_name[_plain(clipper)]()
    if clipper is None or isinstance(clipper, Clipper):
        return clipper
    raise ValueError(
        "`clipper` must be a Clipper, a config of one, None or one of "
        f"{', '.join(map(repr, by_name))}. Received: clipper={clipper!r}"
    )
