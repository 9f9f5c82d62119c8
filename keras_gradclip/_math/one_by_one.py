"""Gradients that a rule changes tensor by tensor, in more than their size."""

from collections.abc import Mapping, Sequence
from typing import Any

from keras_gradclip._backend import backend, ops
from keras_gradclip._math.effect import effect_of
from keras_gradclip._math.groups import Groups
from keras_gradclip._math.norms import sums_of_squares
from keras_gradclip._math.scaling import scale_by_group
from keras_gradclip._math.sparse import as_tensors

Tensor = Any


class OneByOne:
    """What is measured of gradients that are changed one by one.

    Sparse ones are made dense: what such a rule remembers is as large as the
    variable anyway.

    Args:
        gradients: One for each variable; dense, sparse or `None`.
        groups: How the variables are grouped.

    Attributes:
        values: Those that are there and take part, by position; dense, float32
            or float64.
        sums: The sum of squares of each gradient, shape `(variables,)`.
        whole: The norm of the whole gradient, a scalar.
        finite: Whether it is, a bool scalar.
    """

    def __init__(self, gradients: Sequence[Any], groups: Groups):
        self._groups = groups
        self._gradients = as_tensors(gradients)
        self.values = {
            i: _dense(gradient)
            for i, gradient in enumerate(self._gradients)
            if gradient is not None and groups.group_of[i] is not None
        }
        self.sums = self._sums(self.values)
        self.whole = ops.sqrt(ops.sum(self.sums))
        self.finite = ops.isfinite(self.whole)

    def _sums(self, values: Mapping[int, Tensor]) -> Tensor:
        # Those left out are part of the whole.
        return sums_of_squares(
            [values.get(i, gradient) for i, gradient in enumerate(self._gradients)]
        )

    def replaced(
        self, new: Mapping[int, Tensor], changed: Tensor, untouched: Tensor, keep: bool
    ) -> tuple[list[Any], tuple[Tensor, ...]]:
        """Returns the gradients to apply, and what is recorded of them.

        Args:
            new: What `values` became.
            changed: Which variables were changed at all, bools of shape
                `(variables,)`.
            untouched: The scale of a step that is not finite, a scalar.
            keep: Whether such a step is handed on as it is, and not dropped.

        Returns:
            `(gradients, record)`: the latter as the first five entries of a
            `Record`, and whether the step is finite.
        """
        sums = self._sums(new)
        before, after = (ops.sqrt(self._groups.sums(s)) for s in (self.sums, sums))
        was_clipped = self._groups.sums(ops.cast(changed, "float32")) > 0
        effect = effect_of(before, after, was_clipped, self.finite, untouched)
        dropped = self.whole if keep else ops.zeros_like(self.whole)
        whole_after = ops.where(self.finite, ops.sqrt(ops.sum(sums)), dropped)
        result = list(self._gradients)
        for i, value in new.items():
            chosen = ops.where(self.finite, value, self.values[i]) if keep else value
            result[i] = ops.cast(chosen, _dtype(self._gradients[i]))
        if not keep:
            kept = ops.reshape(ops.cast(self.finite, "float32"), (1,))
            result = scale_by_group(result, kept, [0] * len(result))
        return result, (*effect, self.whole, whole_after, self.finite)


def _dtype(gradient: Any) -> Any:
    rows = backend.as_rows(gradient)
    return ops.dtype(gradient if rows is None else rows.values)


def _dense(gradient: Any) -> Tensor:
    """Returns a dense tensor, wide enough for its squares."""
    rows = backend.as_rows(gradient)
    if rows is not None:
        # Rows that share an index are summed in what they are cast to.
        gradient = backend.to_dense(rows.rebuild(_wide(rows.values)))
    return _wide(gradient)


def _wide(tensor: Tensor) -> Tensor:
    return tensor if ops.dtype(tensor) == "float64" else ops.cast(tensor, "float32")
