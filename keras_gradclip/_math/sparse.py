"""Sparse gradients: a few rows of a large variable, some of them repeated.

An embedding's gradient names the rows that a batch touched. A row that
occurs twice in the batch occurs twice in the gradient, and the gradient of
that row is the sum of the two. A norm or a bound taken before summing is
wrong: rows [3, 4] and [3, 4] at the same index have the norm 10, not 7.07.
"""

from collections.abc import Sequence
from typing import Any

from keras_gradclip._backend import backend, ops
from keras_gradclip._backend.interface import SparseRows

Tensor = Any


def as_tensors(gradients: Sequence[Any]) -> list[Any]:
    """Returns gradients that may be NumPy arrays; sparse ones as they are."""
    return [
        g if g is None or backend.as_rows(g) else ops.convert_to_tensor(g)
        for g in gradients
    ]


def sum_duplicates(rows: SparseRows) -> tuple[Tensor, Tensor]:
    """Sums the rows that share an index, without a data-dependent shape.

    Args:
        rows: A sparse gradient with `n` rows.

    Returns:
        `(sums, slots)`. `sums` has the shape and dtype float32 of
        `rows.values`: one sum for each distinct index, and zeros in what is
        left over. `slots`, shape `(n,)`, tells for each row of `rows` which
        row of `sums` it went into.
    """
    values = ops.cast(rows.values, "float32")
    count = ops.shape(rows.indices)[0]
    order = ops.argsort(rows.indices)
    ordered = ops.take(rows.indices, order, axis=0)
    is_new = ops.cast(ordered[1:] != ordered[:-1], "int32")
    slot_of_ordered = ops.pad(ops.cumsum(is_new, axis=0), ((1, 0),))
    slots = ops.take(slot_of_ordered, ops.argsort(order), axis=0)
    sums = ops.segment_sum(values, slots, num_segments=count)
    return sums, slots


def keep_first(sums: Tensor, slots: Tensor) -> Tensor:
    """Puts each sum on the first row that went into it, zeros on the rest.

    The inverse of `sum_duplicates` for rules that are not linear in a row,
    such as a bound on each value.
    """
    count = ops.shape(slots)[0]
    position = ops.arange(count, dtype="int32")
    # The negated maximum of negatives is a minimum; segment_min is missing.
    first = -ops.segment_max(-position, slots, num_segments=count)
    is_first = ops.equal(ops.take(first, slots, axis=0), position)
    shape = (-1,) + (1,) * (len(sums.shape) - 1)
    mask = ops.cast(ops.reshape(is_first, shape), sums.dtype)
    return ops.take(sums, slots, axis=0) * mask
