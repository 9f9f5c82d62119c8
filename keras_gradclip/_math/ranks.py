"""Where a percentile lies among sorted values, without losing a digit.

The rank of the `p`-th percentile of `n` values is `p / 100 * (n - 1)`. A
float32 holds 24 bits: of a million values it would not even tell the rank's
whole part from the next one, and between the bulk and the spikes of a
distribution the fraction decides about orders of magnitude. So the product is
formed in float64, or, where there is none, in integers.
"""

import itertools
from typing import Any

import numpy as np

from keras_gradclip._backend import backend, ops

Tensor = Any

# The base of the digits: products of two of them, and a few sums of those, fit
# an int32. So many places after the point leave out less than 2**-60.
_BITS, _PLACES = 12, 5
_BASE = 1 << _BITS


def split_rank(percentile: Any, last: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the whole part and the fraction of `percentile / 100 * last`.

    Args:
        percentile: A float, a float32 or float64 scalar, or three float32
            scalars of which it is the sum.
        last: The highest rank, integers of shape `(groups,)`.

    Returns:
        `(low, fraction)`, of the dtype of `last` and float32.
    """
    if not backend.has_float64(last):
        return _in_integers(percentile, last)
    if not isinstance(percentile, float):
        percentile = _as_float64(percentile)
    rank = percentile / 100.0 * ops.cast(last, "float64")
    low = rank // 1  # on torch half the price of `ops.floor`
    return ops.cast(low, last.dtype), ops.cast(rank - low, "float32")


def _as_float64(percentile: Any) -> Tensor:
    parts = percentile if isinstance(percentile, tuple) else (percentile,)
    first, *others = (ops.cast(part, "float64") for part in parts)
    return sum(others, start=first)


def _in_integers(percentile: Any, last: Tensor) -> tuple[Tensor, Tensor]:
    """Multiplies digit by digit and divides by 100, as one does on paper."""
    left = _digits_of(percentile)
    right = [last >> (_BITS * j) & (_BASE - 1) for j in range(3)]
    # By the power of the base that a digit stands for, `i` places after the
    # point in one factor and `j` before it in the other.
    sums: dict[int, Any] = {}
    for i, a in enumerate(left):
        for j, b in enumerate(right):
            sums[j - i] = sums.get(j - i, 0) + a * b
    powers = sorted(sums)
    for power, above in itertools.pairwise(powers):
        sums[above] = sums[above] + (sums[power] >> _BITS)
        sums[power] = sums[power] & (_BASE - 1)
    rest: Any = 0
    for power in reversed(powers):
        dividend = rest * _BASE + sums[power]
        sums[power] = dividend // 100
        rest = dividend - sums[power] * 100
    low = (sums[2] * _BASE + sums[1]) * _BASE + sums[0]
    fraction: Any = 0.0
    for power in range(-4, 0):
        fraction = (fraction + ops.cast(sums[power], "float32")) / _BASE
    return low, fraction


def _digits_of(percentile: Any) -> list[Tensor]:
    """Returns the whole part and the places after the point, as integers.

    They may be negative or too large for a digit, as a sum of parts is; what
    is carried puts that right.
    """
    digits: list[Any] = [0] * (_PLACES + 1)
    for part in _float32_parts(percentile):
        sign, rest = ops.sign(part), ops.abs(part)
        for place in range(_PLACES + 1):
            digit = ops.floor(rest)
            digits[place] = digits[place] + ops.cast(sign * digit, "int32")
            rest = (rest - digit) * float(_BASE)  # exact: a shift of its bits
    return digits


def _float32_parts(percentile: Any) -> tuple[Any, ...]:
    if isinstance(percentile, tuple):
        return percentile
    if not isinstance(percentile, float):
        return (percentile,)
    parts, rest = [], percentile
    for _ in range(3):
        parts.append(np.float32(rest))
        rest -= float(parts[-1])
    return tuple(ops.convert_to_tensor(part, "float32") for part in parts)
