"""Multiplying gradients by their scales.

A scale of exactly 0 gives 0 even where the gradient is NaN or inf: that is
how a step with a broken gradient is dropped, and 0 * NaN would not do it.
"""

from collections.abc import Sequence
from typing import Any

from keras import ops

from keras_gradclip._keras import BACKEND
from keras_gradclip.sparse import as_rows

Tensor = Any


def scale_gradients(
    gradients: Sequence[Any], scales: Sequence[Tensor]
) -> list[Any]:
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


def _in_float32(multiply):
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

    def _scale_all(gradients, scales):
        # multiply_no_nan is 0 where its second argument is 0.
        multiply = _in_float32(tf.math.multiply_no_nan)
        return [multiply(g, s) for g, s in zip(gradients, scales)]

elif BACKEND == "torch":
    import torch

    def _scale_all(gradients, scales):
        on_cpu = all(g.device.type == "cpu" for g in gradients)
        if torch.compiler.is_compiling() or not on_cpu:
            return [_scale_one(g, s) for g, s in zip(gradients, scales)]
        return _scale_all_on_cpu(gradients, scales)

    @_in_float32
    def _scale_one(gradient, scale):
        # A select, since reading the scale on the host would wait for it.
        return torch.where(scale == 0, 0.0, gradient * scale)

    def _scale_all_on_cpu(gradients, scales):
        # On the CPU nothing is waited for, so Python may look at a scale.
        # One fused call for each (dtype, scale): as a rule, one in all.
        result: list[Any] = [None] * len(gradients)
        batches: dict[Any, list[int]] = {}
        for i, (gradient, scale) in enumerate(zip(gradients, scales)):
            plain = gradient.dtype == torch.float32 and scale.dim() == 0
            if plain:
                batches.setdefault(id(scale), []).append(i)
            else:
                result[i] = _scale_one(gradient, scale)
        for members in batches.values():
            factor = float(scales[members[0]])
            for i, scaled in zip(
                members, _foreach_scale([gradients[i] for i in members], factor)
            ):
                result[i] = scaled
        return result

    def _foreach_scale(gradients, factor):
        if factor == 0.0:
            return [torch.zeros_like(g) for g in gradients]
        if factor == 1.0:
            return gradients
        return torch._foreach_mul(gradients, factor)

else:

    def _scale_all(gradients, scales):
        @_in_float32
        def multiply(gradient, scale):
            return ops.where(scale == 0, 0.0, gradient * scale)

        return [multiply(g, s) for g, s in zip(gradients, scales)]
