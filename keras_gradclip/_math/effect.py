"""What is recorded of a group that was clipped piece by piece."""

from typing import Any

from keras_gradclip._backend import backend

Tensor = Any


def effect_of(
    before: Tensor, after: Tensor, was_clipped: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns norm, threshold and scale of a group clipped piece by piece.

    Its norm after clipping counts as the threshold, and the ratio of the two
    norms as the scale; exactly 1 where nothing was clipped, since two sums
    that should be equal may differ in the last bit.
    """
    ratio = after / backend.where(was_clipped, before, 1.0)
    scales = backend.where(was_clipped, ratio, 1.0)
    return before, before * scales, scales
