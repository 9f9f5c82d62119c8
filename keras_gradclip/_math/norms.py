"""Norms of gradients: float32 sums, whatever the gradient's dtype.

Squares of float16 overflow at 256 and lose every digit below 1e-4, so
nothing is squared before it is float32. Sparse gradients are summed over
their duplicate rows first.
"""

from collections.abc import Sequence
from typing import Any

from keras_gradclip._backend import backend, ops
from keras_gradclip._math.sparse import sum_duplicates

Tensor = Any


def sums_of_squares(gradients: Sequence[Any]) -> Tensor:
    """Returns the sum of squares of each gradient, shape `(n,)`, float32.

    Args:
        gradients: `n` gradients, dense or sparse, of any float dtype;
            `None` counts as zero.
    """
    return backend.sums_of_squares([_summed(gradient) for gradient in gradients])


def norm_together(gradients: Sequence[Any]) -> Tensor:
    """Returns the norm of all gradients as one, a scalar in float32."""
    present = [_summed(g) for g in gradients if g is not None]
    return backend.norm_together(present)


def whole_norm(sums: Tensor) -> Tensor:
    """Returns the norm of the whole gradient, a scalar.

    It is finite exactly if every sum is, except for totals beyond float32,
    whose norms nothing could be learned from.
    """
    return ops.sqrt(ops.sum(sums))


def constant(weight: Any) -> Tensor:
    """Returns a variable's value, cut off from what torch records of it."""
    return ops.stop_gradient(ops.convert_to_tensor(weight))


def _summed(gradient: Any) -> Any:
    """A dense tensor with the same norm as `gradient`."""
    if gradient is None:
        return None
    rows = backend.as_rows(gradient)
    return gradient if rows is None else sum_duplicates(rows)[0]
