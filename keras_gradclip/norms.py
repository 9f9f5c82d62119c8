"""Norms of gradients: float32 sums, whatever the gradient's dtype.

Squares of float16 overflow at 256 and lose every digit below 1e-4, so
nothing is squared before it is float32. Sparse gradients are summed over
their duplicate rows first. Each function does the same on every backend;
where one has a call that does the work in one kernel, it is used.
"""

from collections.abc import Sequence
from math import gcd
from typing import Any

from keras import ops

from keras_gradclip._keras import BACKEND, in_xla
from keras_gradclip.sparse import as_rows, sum_duplicates

Tensor = Any


def sums_of_squares(gradients: Sequence[Any]) -> Tensor:
    """Returns the sum of squares of each gradient, shape `(n,)`, float32.

    Args:
        gradients: `n` gradients, dense or sparse, of any float dtype;
            `None` counts as zero.
    """
    return _sums_of_squares([_summed(gradient) for gradient in gradients])


def all_finite(sums: Tensor) -> Tensor:
    """Whether every sum is finite, a bool scalar."""
    # Sums of squares: one is NaN or inf exactly if the total is, except for
    # totals beyond float32, whose norms nothing could be learned from.
    # The root is for XLA; see `Clipper.scales`.
    return ops.isfinite(ops.sqrt(ops.sum(sums)))


def constant(weight: Any) -> Tensor:
    """Returns a variable's value, cut off from what torch records of it."""
    return ops.stop_gradient(ops.convert_to_tensor(weight))


def unit_norms(tensor: Any, axes: tuple[int, ...]) -> Tensor:
    """Returns the norm of each unit of a dense tensor, float32.

    Args:
        tensor: A weight or a gradient.
        axes: The axes to sum over. They stay as 1 in the result's shape, so
            that it broadcasts against `tensor`.
    """
    tensor = ops.cast(ops.convert_to_tensor(tensor), "float32")
    if not axes:
        return ops.abs(tensor)
    return ops.sqrt(ops.sum(ops.square(tensor), axis=axes, keepdims=True))


def _summed(gradient: Any) -> Any:
    """A dense tensor with the same norm as `gradient`."""
    if gradient is None:
        return None
    rows = as_rows(gradient)
    return gradient if rows is None else sum_duplicates(rows)[0]


if BACKEND == "torch":
    import torch

    def _as_torch(tensor: Any) -> Tensor:
        if not isinstance(tensor, torch.Tensor):
            tensor = ops.convert_to_tensor(tensor)
        # The norm widens to float32, but does not narrow.
        return tensor.float() if tensor.dtype == torch.float64 else tensor

    def _sums_of_squares(tensors: Sequence[Any]) -> Tensor:
        present = [_as_torch(t) for t in tensors if t is not None]
        if not present:
            return torch.zeros(len(tensors))
        # One fused call for all tensors; a loop costs ten times as much.
        norms = torch._foreach_norm(present, 2, dtype=torch.float32)
        if len(present) < len(tensors):
            found, zero = iter(norms), norms[0].new_zeros(())
            norms = [zero if t is None else next(found) for t in tensors]
        return torch.square(torch.stack(norms))

elif BACKEND == "tensorflow":
    import tensorflow as tf

    def _sums_of_squares(tensors: Sequence[Any]) -> Tensor:
        zero = tf.constant(0.0)
        return tf.stack(
            [
                zero if tensor is None else _sum_of_squares(tf.cast(tensor, "float32"))
                for tensor in tensors
            ]
        )

    def _sum_of_squares(tensor: Tensor) -> Tensor:
        size = tensor.shape.num_elements()
        columns = gcd(size or 1, 256)
        if columns < 16 or not in_xla():
            # l2_loss is half the sum of squares, in one op.
            return 2.0 * tf.nn.l2_loss(tensor)
        # On CPUs XLA adds the numbers of a sum one after the other, since their
        # order matters to rounding; the sums of many columns it adds side by side,
        # which is ten times as fast. It would make one sum of both again, were
        # there nothing in between.
        rows = tf.reshape(tensor, (-1, columns))
        return tf.reduce_sum(tf.abs(tf.reduce_sum(tf.square(rows), axis=0)))

else:

    def _sums_of_squares(tensors: Sequence[Any]) -> Tensor:
        return ops.stack(
            [
                ops.zeros((), "float32")
                if tensor is None
                else ops.sum(ops.square(ops.cast(tensor, "float32")))
                for tensor in tensors
            ]
        )
