"""Singular values moved by matrix products alone."""

from functools import cache
from math import prod
from typing import Any

import numpy as np

from keras_gradclip._backend import backend, ops

Tensor = Any


def soft_clip_singular_values(
    gradient: Tensor, norm: Tensor, bound: Any, iterations: int, shape: tuple[int, ...]
) -> Tensor:
    """Returns `(I + G G' / bound ** 2) ** (-1 / 2) G`.

    Args:
        gradient: A dense tensor, float32 or float64.
        norm: Its Frobenius norm, a scalar.
        bound: What the singular values stay below.
        iterations: Of Newton and Schulz.
        shape: The gradient's. All axes but the last are taken together.
    """
    dtype = ops.dtype(gradient)
    columns = shape[-1] if len(shape) > 1 else 1
    rows = prod(shape) // columns if columns else 0
    if not rows:
        return gradient
    matrix = ops.reshape(gradient, (rows, columns))
    # The smaller of G G' and G' G, of a matrix whose norm is 1.
    norm = ops.cast(norm, dtype)
    unit = matrix / ops.where(norm > 0, norm, 1.0)
    other = ops.transpose(unit)
    gram = ops.matmul(unit, other) if rows <= columns else ops.matmul(other, unit)

    # Times a factor, I + G G' / bound ** 2 is r * r * I + q * q * gram, in which
    # nothing overflows; a bound on its largest eigenvalue makes that 1.
    bound = ops.cast(bound, dtype)
    larger = ops.maximum(norm, bound)
    r, q = bound / larger, norm / larger
    square = ops.matmul(gram, gram)
    of_gram = ops.sqrt(ops.sqrt(ops.sum(ops.square(square))))
    largest = ops.square(r) + ops.square(q) * of_gram
    identity = backend.constant(_identity(min(rows, columns)), matrix)
    identity = ops.cast(identity, dtype)
    scaled = (ops.square(r) * identity + ops.square(q) * gram) / largest
    root = inverse_root(scaled, identity, iterations) * (r / ops.sqrt(largest))
    clipped = ops.matmul(root, matrix) if rows <= columns else ops.matmul(matrix, root)
    return ops.reshape(clipped, shape)


@cache
def _identity(size: int) -> np.ndarray:
    return np.eye(size, dtype="float32")


def inverse_root(matrix: Tensor, identity: Tensor, iterations: int) -> Tensor:
    """Returns the inverse of a symmetric matrix's root, by Newton and Schulz.

    From below: an eigenvalue that has not converged is too small.

    Args:
        matrix: With eigenvalues in (0, 1].
        identity: Of its size.
        iterations: How many.
    """
    # `root` tends to the root and `inverse` to its inverse.
    root, inverse = matrix, identity
    for _ in range(iterations):
        step = 1.5 * identity - 0.5 * ops.matmul(inverse, root)
        root, inverse = ops.matmul(root, step), ops.matmul(step, inverse)
    return inverse
