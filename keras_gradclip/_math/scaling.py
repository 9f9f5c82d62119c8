"""Multiplying gradients, dense and sparse, by their scales."""

from collections.abc import Callable, Sequence
from typing import Any

from keras_gradclip._backend import backend

Tensor = Any


def scale_by_group(
    gradients: Sequence[Any], scales: Tensor, groups: Sequence[int]
) -> list[Any]:
    """Returns each gradient times its group's scale, in the gradient's dtype.

    Args:
        gradients: Dense or sparse gradients; `None` stays `None`.
        scales: Shape `(groups,)`, float32. A scale of exactly 0 gives 0, even
            where the gradient is NaN or inf.
        groups: For each gradient the index of its scale.
    """
    chosen = [g for gradient, g in zip(gradients, groups) if gradient is not None]
    return on_values(
        gradients, lambda values: backend.scale_by_group(values, scales, chosen)
    )


def scale_each(
    gradients: Sequence[Any], scales: Sequence[Tensor], finite: Tensor
) -> list[Any]:
    """As `scale_by_group`, each gradient with a scale of its own.

    Args:
        gradients: Dense or sparse gradients; `None` stays `None`.
        scales: One float32 scale for each gradient, of a shape that
            broadcasts against it (against the values of a sparse one).
        finite: Whether all gradients are, a bool scalar.
    """
    chosen = [s for gradient, s in zip(gradients, scales) if gradient is not None]
    return on_values(
        gradients, lambda values: backend.scale_each(values, chosen, finite)
    )


def on_values(
    gradients: Sequence[Any], function: Callable[[list[Tensor]], list[Tensor]]
) -> list[Any]:
    """Applies a function to the values of all gradients that are there.

    Args:
        gradients: Dense or sparse gradients; `None` stays `None`.
        function: From a list of dense tensors to one of the same shapes.
    """
    present = [i for i, gradient in enumerate(gradients) if gradient is not None]
    rows = [backend.as_rows(gradients[i]) for i in present]
    values = [gradients[i] if r is None else r.values for i, r in zip(present, rows)]
    result: list[Any] = [None] * len(gradients)
    for i, taken_apart, value in zip(present, rows, function(values)):
        result[i] = value if taken_apart is None else taken_apart.rebuild(value)
    return result
