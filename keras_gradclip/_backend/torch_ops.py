"""`keras.ops` by its own names, in torch's own calls where a step makes many.

`keras.ops` looks for symbolic inputs, promotes dtypes and asks for the device
in each call, which takes several times as long as what torch then does with a
few numbers. What is not here is `keras.ops`'s.
"""

from collections.abc import Sequence
from typing import Any

import keras
import torch

from keras_gradclip import _keras

Tensor = Any

abs, exp, isfinite, sqrt, square = (
    torch.abs,
    torch.exp,
    torch.isfinite,
    torch.sqrt,
    torch.square,
)
equal, less_equal, logical_and, mod = (
    torch.eq,
    torch.le,
    torch.logical_and,
    torch.remainder,
)
ones_like, zeros_like, where = torch.ones_like, torch.zeros_like, torch.where
full_like = torch.full_like


def __getattr__(name: str) -> Any:
    return getattr(keras.ops, name)


def convert_to_tensor(x: Any, dtype: Any = None) -> Tensor:
    if isinstance(x, keras.Variable):
        x = _keras.array_of(x)
    if isinstance(x, torch.Tensor) and (dtype is None or x.dtype == _dtype(dtype)):
        return x
    return keras.ops.convert_to_tensor(x, dtype)


def dtype(x: Tensor) -> str:
    return str(x.dtype).removeprefix("torch.")


def stop_gradient(variable: Tensor) -> Tensor:
    return variable.detach()


def cast(x: Any, dtype: Any) -> Tensor:
    if isinstance(x, torch.Tensor):
        return x.to(_dtype(dtype))
    return keras.ops.convert_to_tensor(x, dtype)


def _dtype(name: Any) -> torch.dtype:
    return name if isinstance(name, torch.dtype) else getattr(torch, name)


def minimum(x1: Tensor, x2: Any) -> Tensor:
    if isinstance(x2, torch.Tensor):
        return torch.minimum(x1, x2)
    return torch.clamp(x1, max=x2)


def maximum(x1: Tensor, x2: Any) -> Tensor:
    if isinstance(x2, torch.Tensor):
        return torch.maximum(x1, x2)
    return torch.clamp(x1, min=x2)


def clip(x: Tensor, x_min: Any, x_max: Any) -> Tensor:
    return torch.clamp(x, x_min, x_max)


def sum(x: Tensor) -> Tensor:
    return torch.sum(x)


def reshape(x: Tensor, newshape: Sequence[int]) -> Tensor:
    return x.reshape(newshape)


def expand_dims(x: Tensor, axis: int) -> Tensor:
    return x.unsqueeze(axis)


def concatenate(xs: Sequence[Tensor], axis: int = 0) -> Tensor:
    return torch.cat(tuple(xs), axis)


def stack(x: Sequence[Tensor], axis: int = 0) -> Tensor:
    return torch.stack(tuple(x), axis)


def take_along_axis(x: Tensor, indices: Tensor, axis: int) -> Tensor:
    return torch.take_along_dim(x, indices, axis)


def take(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    both = isinstance(x, torch.Tensor) and isinstance(indices, torch.Tensor)
    if both and (axis == 0 or x.ndim == 1):
        return x[indices]
    return keras.ops.take(x, indices, axis)
