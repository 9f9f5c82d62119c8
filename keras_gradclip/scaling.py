"""Multiplying gradients by their scales.

A scale of exactly 0 gives 0 even where the gradient is NaN or inf: that is
how a step with a broken gradient is dropped, and 0 * NaN would not do it.
"""

from collections.abc import Callable, Sequence
from typing import Any

from keras import ops

from keras_gradclip._keras import BACKEND
from keras_gradclip.sparse import as_rows

Tensor = Any


def scale_gradients(gradients: Sequence[Any], scales: Sequence[Tensor]) -> list[Any]:
    """Returns each gradient times its scale, in the gradient's dtype.

    Args:
        gradients: Dense or sparse gradients; `None` stays `None`.
        scales: One float32 scale for each gradient: a scalar, or any shape
            that broadcasts against the gradient (against the values of a
            sparse one).
    """
    rows = [as_rows(g) if g is not None else None for g in gradients]
    dense = [g if r is None else r.values for g, r in zip(gradients, rows)]
    present = [i for i, gradient in enumerate(dense) if gradient is not None]
    scaled = _scale_all([dense[i] for i in present], [scales[i] for i in present])
    result: list[Any] = [None] * len(dense)
    for i, values in zip(present, scaled):
        taken_apart = rows[i]
        result[i] = values if taken_apart is None else taken_apart.rebuild(values)
    return result


def _in_float32(multiply: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """Multiplies half-precision gradients in float32, where a scale keeps
    its digits, and float64 ones in their own precision."""

    def wrapped(gradient: Tensor, scale: Tensor) -> Tensor:
        dtype = ops.dtype(gradient)
        wide = "float64" if dtype == "float64" else "float32"
        product = multiply(ops.cast(gradient, wide), ops.cast(scale, wide))
        return ops.cast(product, dtype)

    return wrapped


if BACKEND == "tensorflow":
    import tensorflow as tf

    # The product is 0 where the second factor is.
    _multiply = _in_float32(tf.math.multiply_no_nan)
else:
    _multiply = _in_float32(lambda g, scale: ops.where(scale == 0, 0.0, g * scale))


def _scale_all(gradients: Sequence[Tensor], scales: Sequence[Tensor]) -> list[Tensor]:
    if BACKEND == "torch" and _may_read(scales):
        return _scale_fused(gradients, scales)
    return [_multiply(g, scale) for g, scale in zip(gradients, scales)]


def _may_read(scales: Sequence[Tensor]) -> bool:
    """Whether torch has the scales at hand, so that nothing waits for them."""
    import torch

    on_cpu = all(scale.device.type == "cpu" for scale in scales)
    return on_cpu and not torch.compiler.is_compiling()


def _scale_fused(gradients: Sequence[Tensor], scales: Sequence[Tensor]) -> list[Tensor]:
    """Scales in one call for all gradients with the same scale, on torch."""
    import torch

    result: list[Any] = [None] * len(gradients)
    together: dict[int, list[int]] = {}
    for i, (gradient, scale) in enumerate(zip(gradients, scales)):
        if gradient.dtype is torch.float32 and scale.ndim == 0:
            together.setdefault(id(scale), []).append(i)
        else:
            result[i] = _multiply(gradient, scale)
    for members in together.values():
        factor = float(scales[members[0]])
        scaled = _scale_by_number([gradients[i] for i in members], factor)
        for i, gradient in zip(members, scaled):
            result[i] = gradient
    return result


def _scale_by_number(gradients: list[Tensor], factor: float) -> list[Tensor]:
    import torch

    if factor == 0.0:
        return [torch.zeros_like(gradient) for gradient in gradients]
    if factor == 1.0:
        return gradients
    return list(torch._foreach_mul(gradients, factor))
