"""What is recorded of a group that was clipped piece by piece."""

from typing import Any

from keras_gradclip._backend import ops

Tensor = Any


def effect_of(
    before: Tensor,
    after: Tensor,
    was_clipped: Tensor,
    finite: Tensor,
    untouched: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns norm, threshold and scale of groups clipped piece by piece.

    A group's norm after clipping counts as its threshold, and the ratio of
    the two norms as its scale.

    Args:
        before: Each group's norm before clipping.
        after: The same after.
        was_clipped: Whether anything was; where not, the scale is exactly 1,
            since two sums that should be equal may differ in the last bit.
        finite: Whether the step is, a bool scalar.
        untouched: The scale where it is not, a scalar.
    """
    ratio = after / ops.where(was_clipped, before, 1.0)
    scales = ops.where(was_clipped, ratio, 1.0)
    scales = ops.where(finite, scales, untouched)
    return before, before * scales, scales
