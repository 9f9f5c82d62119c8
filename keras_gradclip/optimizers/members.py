"""The optimizers inside an optimizer, and how each of them clips."""

from typing import Any

from keras_gradclip._keras import bypasses_hook


def members_of(optimizer: Any) -> list[Any]:
    """Returns the optimizers that do the updating: itself, or those inside."""
    if bypasses_hook(optimizer):
        return [m for inner in optimizer.optimizers for m in members_of(inner)]
    inner = getattr(optimizer, "inner_optimizer", None)
    return [optimizer] if inner is None else members_of(inner)


def clips_already(optimizer: Any) -> bool:
    """Whether a member has a clipper or was told to clip as Keras does."""
    return any(
        getattr(member, name, None) is not None
        for member in members_of(optimizer)
        for name in ("clipper", "clipnorm", "clipvalue", "global_clipnorm")
    )
