"""Gradients whose elements have been moved into a range."""

from collections.abc import Sequence
from typing import Any, TypeAlias

from keras_gradclip._backend import backend, ops
from keras_gradclip._math.effect import effect_of
from keras_gradclip._math.groups import Groups
from keras_gradclip._math.norms import sums_of_squares
from keras_gradclip._math.scaling import scale_by_group
from keras_gradclip._math.sparse import keep_first, sum_duplicates

Tensor = Any


class Bounded:
    """What is measured and changed where each element has its own bound.

    Args:
        gradients: One for each variable; dense, sparse or `None`.
        bound: The largest absolute value of an element.
        groups: How the variables are grouped.

    Attributes:
        whole: The norm of the whole gradient before, a scalar.
        whole_after: The same after.
    """

    def __init__(self, gradients: Sequence[Any], bound: Any, groups: Groups):
        self._gradients = gradients
        present = {
            i: _Elements(gradient)
            for i, gradient in enumerate(gradients)
            if gradient is not None and groups.group_of[i] is not None
        }
        if present and groups.is_whole:
            within = self._clip_as_one(present, bound)
        else:
            within = self._clip_by_group(present, bound, groups)
        self._bounded = list(gradients)
        for i, elements in present.items():
            self._bounded[i] = elements.rebuild(within[i])

    def _clip_as_one(self, present: "_Present", bound: Any) -> dict[int, Tensor]:
        """Clips all; what is measured of the one group is measured of the whole."""
        values = [elements.values for elements in present.values()]
        clipped = backend.clip_together(values, bound)
        self.whole, self.whole_after = ops.sqrt(clipped.before), ops.sqrt(clipped.after)
        self._before = ops.reshape(self.whole, (1,))
        self._after = ops.reshape(self.whole_after, (1,))
        self._exceeds = ops.reshape(clipped.exceeds, (1,))
        return dict(zip(present, clipped.values))

    def _clip_by_group(
        self, present: "_Present", bound: Any, groups: Groups
    ) -> dict[int, Tensor]:
        """Clips those that take part, and measures them variable by variable."""
        values = [elements.values for elements in present.values()]
        within = dict(zip(present, backend.clip_elements(values, bound)))
        every = range(len(self._gradients))
        measured = [present[i].values if i in present else None for i in every]
        # Those left out are in both sums, since they belong to the whole.
        before, after = (
            sums_of_squares([self._gradients[i] if v is None else v for i, v in both])
            for both in (enumerate(measured), ((i, within.get(i)) for i in every))
        )
        exceed = backend.were_bounded(measured, bound, before, after)
        self.whole, self.whole_after = (ops.sqrt(ops.sum(v)) for v in (before, after))
        self._before, self._after = (
            ops.sqrt(groups.sums(sums)) for sums in (before, after)
        )
        self._exceeds = groups.sums(ops.cast(exceed, "float32")) > 0
        return within

    def or_zeros(self, finite: Tensor) -> list[Any]:
        """Returns the bounded gradients, or zeros unless `finite`."""
        kept = ops.reshape(ops.cast(finite, "float32"), (1,))
        return scale_by_group(self._bounded, kept, [0] * len(self._bounded))

    def unless_broken(self, finite: Tensor) -> list[Any]:
        """Returns the bounded gradients, or the original unless `finite`."""
        # A clipped inf is finite: a broken step starts from the original.
        pairs = zip(self._bounded, self._gradients)
        return [None if b is None else _choose(finite, b, g) for b, g in pairs]

    def effect(
        self, finite: Tensor, untouched: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Returns norm, threshold and scale of each group."""
        return effect_of(self._before, self._after, self._exceeds, finite, untouched)


class _Elements:
    """The elements of one gradient that a bound applies to, wide enough for it."""

    def __init__(self, gradient: Any):
        self._rows = backend.as_rows(gradient)
        if self._rows is None:
            self._dtype, self.values = ops.dtype(gradient), gradient
            # In float32 the bound is exact; a bound below float16's range would
            # become 0 there.
            self._is_half = self._dtype in ("float16", "bfloat16")
            if self._is_half:
                self.values = ops.cast(gradient, "float32")
        else:
            # The bound holds for the sum of the rows that share an index.
            self._dtype = ops.dtype(self._rows.values)
            self.values, self._slots = sum_duplicates(self._rows)

    def rebuild(self, values: Tensor) -> Any:
        """Returns a gradient of the original kind from new values."""
        if self._rows is None:
            return ops.cast(values, self._dtype) if self._is_half else values
        first = keep_first(values, self._slots)
        return self._rows.rebuild(ops.cast(first, self._dtype))


_Present: TypeAlias = dict[int, _Elements]


def _choose(condition: Any, first: Any, second: Any) -> Any:
    """Selects between two gradients of the same structure."""
    rows, other = backend.as_rows(first), backend.as_rows(second)
    if rows is None or other is None:
        return ops.where(condition, first, second)
    return rows.rebuild(ops.where(condition, rows.values, other.values))
