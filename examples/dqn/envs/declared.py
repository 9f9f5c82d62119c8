"""What a space declares, and what came: values are put into its form, or refused."""

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from examples.dqn.errors import Undeclared

FLOAT32 = np.dtype(np.float32)
NUMBERS = "biuf"  # NumPy's kinds: of truth, signed, unsigned, real.


def as_declared(space: gymnasium.Space, value: Any, name: str = "observation") -> Any:
    """A value in the form that its space has: arrays of its shape and dtype.

    Numbers of any kind are taken where nothing is lost: 1.0 for an integer, a list
    for an array. Bounds of a `Box` are not looked at, since nothing depends on them.

    Args:
        space: What is declared.
        value: What came.
        name: What it is, for the message.

    Raises:
        Undeclared: If the value has another form, or numbers that the space's kind
            cannot hold.
    """
    if isinstance(space, spaces.Dict):
        if not isinstance(value, Mapping) or value.keys() != space.keys():
            came = [*value] if isinstance(value, Mapping) else _kind(value)
            raise Undeclared(f"{name} with {came}, declared is {[*space]}")
        return {k: as_declared(s, value[k], f"{name}[{k!r}]") for k, s in space.items()}
    if isinstance(space, spaces.Tuple):
        if not isinstance(value, Sequence) or len(value) != len(space):
            raise Undeclared(f"{name} of {_kind(value)}, declared are {len(space)}")
        parts = enumerate(zip(space, value))
        return tuple(as_declared(s, v, f"{name}[{i}]") for i, (s, v) in parts)
    if space.shape is None or space.dtype is None:
        return value
    array = _array(value, name)
    if isinstance(space, spaces.Discrete) and array.size == 1:
        array = array.reshape(())
    if array.shape != space.shape:
        raise Undeclared(f"{name} of shape {array.shape}, declared is {space.shape}")
    array = cast(array, space.dtype, name)
    if not isinstance(space, spaces.Box) and not space.contains(_scalar(array)):
        raise Undeclared(f"{name} {array.tolist()}, declared is {space}")
    return array


def cast(array: np.ndarray, dtype: np.dtype, name: str) -> np.ndarray:
    """Numbers as `dtype`, which must hold them: rounded, but neither cut nor infinite.

    Raises:
        Undeclared: If it does not.
    """
    if array.dtype == dtype:
        return array
    if array.dtype.kind not in NUMBERS:
        raise Undeclared(f"{name} of {array.dtype}, declared is {dtype}")
    with np.errstate(all="ignore"):
        result = array.astype(dtype)
        if dtype.kind == "f":
            lost = np.isfinite(array) & ~np.isfinite(result)
        else:
            lost = result != array
    if lost.any():
        found = array[lost].flat[0]
        raise Undeclared(
            f"{name} with {found:g} of {array.dtype}, which {dtype} cannot hold"
        )
    return result


def number(value: Any, name: str) -> float:
    """One number of any kind, an array of one included.

    Raises:
        Undeclared: If it is none.
    """
    array = _array(value, name)
    if array.size == 1 and array.dtype.kind in NUMBERS + "O":
        try:
            return float(array.item())
        except (TypeError, ValueError):  # None, for example
            pass
    raise Undeclared(f"{name} of {_kind(value)}, which is no number")


def _array(value: Any, name: str) -> np.ndarray:
    try:
        return np.asarray(value)
    except (TypeError, ValueError) as error:  # rows of different lengths
        reason = " ".join(str(error).split())
        raise Undeclared(f"{name} of {_kind(value)}, no array ({reason})") from error


def _scalar(array: np.ndarray) -> Any:
    """What `Discrete` asks for; arrays are as they are."""
    return array[()] if array.shape == () else array


def _kind(value: Any) -> str:
    """What something is, in a word or two."""
    kind = type(value).__name__
    shape = getattr(value, "shape", None)
    if shape is not None:
        return f"{kind} of shape {tuple(shape)}"
    return f"{kind} of {len(value)}" if isinstance(value, (list, tuple)) else kind
