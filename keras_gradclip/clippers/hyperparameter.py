"""Hyper-parameters that are a number or a schedule over steps."""

import math
import numbers
from typing import Any, TypeAlias

import keras

Schedule = keras.optimizers.schedules.LearningRateSchedule
# A float or a Schedule; Keras ships no types.
Hyperparameter: TypeAlias = Any


def check_number(
    name: str,
    value: Any,
    *,
    above: float | None = None,
    at_least: float | None = None,
    below: float | None = None,
    at_most: float | None = None,
) -> None:
    """Raises `ValueError` unless `value` is a finite number in the range."""
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    in_range = (
        is_number
        and math.isfinite(value)
        and (above is None or value > above)
        and (at_least is None or value >= at_least)
        and (below is None or value < below)
        and (at_most is None or value <= at_most)
    )
    if not in_range:
        bounds = {
            "greater than": above,
            "at least": at_least,
            "less than": below,
            "at most": at_most,
        }
        rule = " and ".join(
            f"{word} {bound:g}" for word, bound in bounds.items() if bound is not None
        )
        raise ValueError(
            f"`{name}` must be a finite number{' ' + rule if rule else ''}. "
            f"Received: {name}={value!r}"
        )


def check_count(name: str, value: Any, *, at_least: int) -> None:
    """Raises `ValueError` unless `value` is an integer in the range."""
    is_integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not is_integer or value < at_least:
        raise ValueError(
            f"`{name}` must be an integer, at least {at_least}. "
            f"Received: {name}={value!r}"
        )


def number_or_schedule(name: str, value: Any, **bounds: float) -> Hyperparameter:
    """Returns a checked hyper-parameter.

    Args:
        name: The argument's name, for the error.
        value: A number, or a `LearningRateSchedule`, whose values cannot be
            checked ahead.
        **bounds: See `check_number`.
    """
    if isinstance(value, Schedule):
        return value
    check_number(name, value, **bounds)
    return float(value)


def value_at(hyperparameter: Hyperparameter, step: Any) -> Any:
    """Returns a hyper-parameter's value at a step."""
    if isinstance(hyperparameter, Schedule):
        return hyperparameter(step)
    return hyperparameter


def serialize(hyperparameter: Hyperparameter) -> Any:
    """Returns a hyper-parameter for a config."""
    if isinstance(hyperparameter, Schedule):
        return keras.saving.serialize_keras_object(hyperparameter)
    return hyperparameter
