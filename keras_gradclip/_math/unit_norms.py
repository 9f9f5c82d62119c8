"""The norms of single output units, and gradients scaled unit by unit."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from keras_gradclip._backend import backend, ops
from keras_gradclip._backend.interface import SparseRows
from keras_gradclip._math.effect import effect_of
from keras_gradclip._math.groups import Groups
from keras_gradclip._math.norms import constant, sums_of_squares
from keras_gradclip._math.scaling import scale_each
from keras_gradclip._math.sparse import sum_duplicates

Tensor = Any


class UnitNorms:
    """What is measured and scaled at scope "unit".

    The units of all variables stand side by side in one row of numbers, so
    that a rule decides on all of them at once.

    Args:
        gradients: One for each variable; dense, sparse or `None`.
        weights: The variables' values.
        groups: How the variables are grouped, unit axes included.

    Attributes:
        norms: Shape `(units,)`.
        whole: The norm of the whole gradient, a scalar.
    """

    def __init__(
        self, gradients: Sequence[Any], weights: Sequence[Any], groups: Groups
    ):
        self._gradients, self._weights = gradients, weights
        self._parts = {
            i: _Part.of(gradient, groups.unit_axes[i], groups.unit_shapes[i])
            for i, gradient in enumerate(gradients)
            if gradient is not None and groups.group_of[i] is not None
        }
        self.norms = self._unit_norms([p.tensor for p in self._parts.values()])
        self._squares = ops.square(self.norms)
        self._sum = ops.sum(self._squares)
        self._others = ops.sum(
            sums_of_squares([gradients[i] for i in groups.left_out])
            if groups.left_out
            else ops.zeros((1,), "float32")
        )
        self.whole = ops.sqrt(self._sum + self._others)
        self._after: Tensor = None

    def _unit_norms(self, tensors: list[Tensor]) -> Tensor:
        if not tensors:
            return ops.zeros((0,), "float32")
        return backend.unit_norms(tensors, [p.axes for p in self._parts.values()])

    def weight_norms(self) -> Tensor:
        """Returns the norm of each unit's weights."""
        return self._unit_norms(
            [p.weights(self._weights[i]) for i, p in self._parts.items()]
        )

    def scaled(self, scales: Tensor, untouched: Tensor, finite: Tensor) -> list[Any]:
        """Returns the gradients, those left out with the scale `untouched`."""
        spread = [untouched] * len(self._gradients)
        if self._parts:
            sizes = [part.units for part in self._parts.values()]
            pieces = backend.split(scales, sizes)
            for (i, part), piece in zip(self._parts.items(), pieces):
                spread[i] = part.spread(piece)
        return scale_each(self._gradients, spread, finite)

    def effect(
        self, thresholds: Tensor, scales: Tensor, finite: Tensor, untouched: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Returns norm, threshold and scale of the whole, as one group."""
        del thresholds
        after = self._sum_after(scales)
        lost = ops.sum(self._squares * (1.0 - scales))
        before, after, lost = (ops.reshape(v, (1,)) for v in (self._sum, after, lost))
        before, after = ops.sqrt(before), ops.sqrt(after)
        return effect_of(before, after, lost > 0, finite, untouched)

    def whole_after(self, scales: Tensor) -> Tensor:
        """Returns the norm of the whole gradient after scaling, if it is finite."""
        return ops.sqrt(self._sum_after(scales) + self._others)

    def _sum_after(self, scales: Tensor) -> Tensor:
        if self._after is None:
            self._after = ops.sum(self._squares * ops.square(scales))
        return self._after


class _Part(NamedTuple):
    """The units of one variable's gradient."""

    tensor: Tensor
    """The gradient, dense; of a sparse one a row for each distinct index."""

    axes: tuple[int, ...]
    """Those to sum over for the norm of one unit."""

    shape: tuple[int, ...]
    """Of the norms; it broadcasts against the tensor."""

    units: Any
    """How many there are: an int, or a tensor where TensorFlow learns it late."""

    rows: SparseRows | None = None
    slots: Tensor | None = None
    """For each row of a sparse gradient, its row in `tensor`."""

    @classmethod
    def of(
        cls, gradient: Any, axes: tuple[int, ...], shape: tuple[int, ...]
    ) -> "_Part":
        rows = backend.as_rows(gradient)
        if rows is None:
            return cls(gradient, axes, shape, math.prod(shape))
        if 0 in axes:  # a unit reaches over all rows
            return cls(backend.to_dense(gradient), axes, shape, math.prod(shape))
        sums, slots = sum_duplicates(rows)
        units = ops.shape(rows.indices)[0] * math.prod(shape[1:])
        return cls(sums, axes, (-1, *shape[1:]), units, rows, slots)

    def weights(self, weight: Any) -> Tensor:
        """Returns the weights of the same units."""
        if self.rows is None:
            return constant(weight)
        count = ops.shape(self.rows.indices)[0]
        row_of_slot = ops.segment_max(self.rows.indices, self.slots, num_segments=count)
        # Slots left over hold the type's minimum; their gradient is 0.
        return ops.take(constant(weight), ops.maximum(row_of_slot, 0), axis=0)

    def spread(self, scales: Tensor) -> Tensor:
        """Lays one scale for each unit out along the gradient's values."""
        laid_out = ops.reshape(scales, self.shape)
        if self.slots is None:
            return laid_out
        return ops.take(laid_out, self.slots, axis=0)
