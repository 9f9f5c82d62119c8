"""Rules that work below the level of a group: on units, or on elements.

Their record shows the effect on a group as a whole: its norm before, its
norm after as the threshold, and the ratio of the two as the scale.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from keras import ops

from keras_gradclip.clippers.measured import Record, Tensor
from keras_gradclip.groups import Groups
from keras_gradclip.norms import constant, unit_norms
from keras_gradclip.sparse import as_rows, sum_duplicates, to_dense


class Units(NamedTuple):
    """The output units of one variable's gradient."""

    norms: Tensor
    """The norm of each; of a shape that broadcasts against the gradient."""

    weight_norms: Callable[[], Tensor]
    """The norms of the same units' weights, computed if asked for."""

    spread: Callable[[Tensor], Tensor]
    """Lays one scale for each unit out along the gradient's values."""


def units_of(gradient: Any, weight: Any, axes: tuple[int, ...]) -> Units:
    """Measures the units of a gradient, dense or sparse.

    Args:
        gradient: The gradient of one variable.
        weight: The variable's value.
        axes: The axes to sum over for the norm of one unit.
    """
    rows = as_rows(gradient)
    if rows is None or 0 in axes:
        return Units(
            norms=unit_norms(to_dense(gradient), axes),
            weight_norms=lambda: unit_norms(constant(weight), axes),
            spread=lambda scales: scales,
        )
    sums, slots = sum_duplicates(rows)

    def weight_norms() -> Tensor:
        count = ops.shape(rows.indices)[0]
        row_of_slot = ops.segment_max(rows.indices, slots, num_segments=count)
        # Slots left over hold the type's minimum; their gradient is 0.
        touched = ops.take(constant(weight), ops.maximum(row_of_slot, 0), axis=0)
        return unit_norms(touched, axes)

    return Units(
        norms=unit_norms(sums, axes),
        weight_norms=weight_norms,
        spread=lambda scales: ops.take(scales, slots, axis=0),
    )


class Effect(NamedTuple):
    """Each variable's sums of squares; each of shape `(variables,)`."""

    before: Tensor
    after: Tensor

    lost: Tensor
    """A measure of the difference that is exactly 0 where nothing was
    clipped. Two sums that should be equal may differ in the last bit."""

    def record(self, groups: Groups, finite: Tensor, untouched: Tensor) -> Record:
        """Returns the record of whole groups.

        Args:
            groups: The groups.
            finite: Whether the step is, a bool scalar.
            untouched: The scale where it is not, a scalar.
        """
        before, after = groups.norms(self.before), groups.norms(self.after)
        was_clipped = groups.norms(self.lost) > 0
        kept = ops.where(was_clipped, after / ops.where(was_clipped, before, 1.0), 1.0)
        scales = ops.where(finite, kept, untouched)
        return Record(before, before * scales, scales, finite)
