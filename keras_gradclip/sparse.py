"""Sparse gradients: a few rows of a large variable, some of them repeated.

An embedding's gradient names the rows that a batch touched. A row that
occurs twice in the batch occurs twice in the gradient, and the gradient of
that row is the sum of the two. A norm or a bound taken before summing is
wrong: rows [3, 4] and [3, 4] at the same index have the norm 10, not 7.07.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from keras import ops

from keras_gradclip._keras import BACKEND

Tensor = Any


class SparseRows(NamedTuple):
    """A sparse gradient taken apart."""

    values: Tensor
    """Shape `(n, ...)`: one row of the gradient each."""

    indices: Tensor
    """Shape `(n,)`: the variable's row that each belongs to."""

    rebuild: Callable[[Tensor], Any]
    """Makes a gradient of the original kind from new values."""


def as_rows(gradient: Any) -> SparseRows | None:
    """Takes a sparse gradient apart; returns `None` for a dense one."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        if isinstance(gradient, tf.IndexedSlices):
            indices, shape = gradient.indices, gradient.dense_shape
            return SparseRows(
                gradient.values,
                indices,
                lambda values: tf.IndexedSlices(values, indices, shape),
            )
    elif BACKEND == "jax":
        from jax.experimental import sparse

        if isinstance(gradient, sparse.BCOO):
            positions, shape = gradient.indices, gradient.shape
            return SparseRows(
                gradient.data,
                positions[:, 0],
                lambda values: sparse.BCOO((values, positions), shape=shape),
            )
    return None


def to_dense(gradient: Any) -> Tensor:
    """Returns a gradient as a dense tensor, duplicate rows summed."""
    if as_rows(gradient) is None:
        return gradient
    if BACKEND == "jax":
        return gradient.todense()
    import tensorflow as tf

    return tf.convert_to_tensor(gradient)


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
