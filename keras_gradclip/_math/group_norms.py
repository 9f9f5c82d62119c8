"""The norms of whole groups, and gradients scaled by group."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_gradclip._backend import ops
from keras_gradclip._math.groups import Groups
from keras_gradclip._math.norms import (
    constant,
    norm_together,
    sums_of_squares,
    whole_norm,
)
from keras_gradclip._math.scaling import scale_by_group

Tensor = Any


class GroupNorms:
    """What is measured and scaled at the scopes above "unit".

    Args:
        gradients: One for each variable; dense, sparse or `None`.
        weights: The variables' values.
        groups: How the variables are grouped.

    Attributes:
        norms: Shape `(groups,)`.
        whole: The norm of the whole gradient, a scalar.
    """

    def __init__(
        self, gradients: Sequence[Any], weights: Sequence[Any], groups: Groups
    ):
        self._gradients, self._weights, self._groups = gradients, weights, groups
        if groups.is_whole:
            self.whole = norm_together(gradients)
            self.norms = ops.reshape(self.whole, (1,))
            return
        self._sums = sums_of_squares(gradients)
        self.norms = ops.sqrt(groups.sums(self._sums))
        self.whole = whole_norm(self._sums)

    def weight_norms(self) -> Tensor:
        """Returns the norm of each group's weights."""
        sums = sums_of_squares([constant(weight) for weight in self._weights])
        return ops.sqrt(self._groups.sums(sums))

    def scaled(self, scales: Tensor, untouched: Tensor, finite: Tensor) -> list[Any]:
        """Returns the gradients, those left out with the scale `untouched`."""
        del finite
        if self._groups.left_out:
            scales = ops.concatenate([scales, ops.reshape(untouched, (1,))])
        return scale_by_group(self._gradients, scales, self._groups.rows)

    def effect(
        self, thresholds: Tensor, scales: Tensor, finite: Tensor, untouched: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Returns norm, threshold and scale of each group."""
        del finite, untouched
        return self.norms, thresholds, scales

    def whole_after(self, scales: Tensor) -> Tensor:
        """Returns the norm of the whole gradient after scaling, if it is finite."""
        after = self.norms * scales
        if self._groups.is_whole:
            return ops.reshape(after, ())
        left_out = self._groups.left_out
        if not left_out:
            return _norm(after)
        others = ops.take(self._sums, np.asarray(left_out, "int32"))
        return ops.sqrt(ops.sum(ops.square(after)) + ops.sum(others))


def _norm(values: Tensor) -> Tensor:
    return ops.sqrt(ops.sum(ops.square(values)))
