"""The arguments of rules: what each may be, said once, beside its type.

A rule's arguments are annotated fields, as in a dataclass. What stands in an
`Annotated` is called with the argument's name and value when a rule is made,
and returns the value to keep or raises.
"""

import math
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import (
    Annotated,
    Any,
    Literal,
    TypeAlias,
    get_args,
    get_origin,
    get_type_hints,
)

import keras

from keras_gradclip._backend import ops
from keras_gradclip._math.selection import as_selector
from keras_gradclip._math.unit_axes import check_unit_axes

Schedule: TypeAlias = keras.optimizers.schedules.LearningRateSchedule
_SCHEDULE: type = Schedule

Hyperparameter: TypeAlias = float | Schedule
"""A number, or a schedule of it over updates."""


@dataclass(frozen=True, kw_only=True)
class Range:
    """A finite number in a range, or, for a `Hyperparameter`, a schedule.

    What a schedule returns cannot be checked ahead, and is moved into the
    range when it is used.

    Args:
        above: What it must be greater than.
        at_least: What it must not be less than.
        below: What it must be less than.
        at_most: What it must not be greater than.
        infinite: Whether it may be inf.
        exact: Whether a step is given all digits of a number and not only
            those of a float32; see `interface.Backend.numbers`.
    """

    above: float | None = None
    at_least: float | None = None
    below: float | None = None
    at_most: float | None = None
    infinite: bool = False
    exact: bool = False

    def __call__(self, name: str, value: Any) -> float:
        is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
        if is_number and self._holds(float(value)):
            return float(value)
        bounds = {
            "greater than": self.above,
            "at least": self.at_least,
            "less than": self.below,
            "at most": self.at_most,
        }
        rule = " and ".join(
            f"{word} {bound:g}" for word, bound in bounds.items() if bound is not None
        )
        kind = "number" if self.infinite else "finite number"
        raise ValueError(
            f"`{name}` must be a {kind}{' ' + rule if rule else ''}. "
            f"Received: {name}={value!r}"
        )

    def _holds(self, value: float) -> bool:
        return (
            (math.isfinite(value) or (self.infinite and value == math.inf))
            and (self.above is None or value > self.above)
            and (self.at_least is None or value >= self.at_least)
            and (self.below is None or value < self.below)
            and (self.at_most is None or value <= self.at_most)
        )

    def clipped(self, value: Any) -> Any:
        """Moves a tensor into the range, its open ends included."""
        low = self.above if self.at_least is None else self.at_least
        high = self.below if self.at_most is None else self.at_most
        value = value if low is None else ops.maximum(value, low)
        return value if high is None else ops.minimum(value, high)


@dataclass(frozen=True, kw_only=True)
class Count:
    """An integer of at least `at_least`.

    Args:
        at_least: The least that it may be.
        fixed: Whether it shapes the state, so that it cannot be changed once
            the optimizer is built.
    """

    at_least: int
    fixed: bool = False

    def __call__(self, name: str, value: Any) -> int:
        is_integer = isinstance(value, numbers.Integral)
        if not is_integer or isinstance(value, bool) or value < self.at_least:
            raise ValueError(
                f"`{name}` must be an integer, at least {self.at_least}. "
                f"Received: {name}={value!r}"
            )
        return int(value)


def yes_or_no(name: str, value: Any) -> bool:
    """What a switch may be."""
    if not isinstance(value, bool):
        raise ValueError(f"`{name}` must be True or False. Received: {name}={value!r}")
    return value


class Selection:
    """What `include` and `exclude` may be."""

    def __call__(self, name: str, value: Any) -> Any:
        return as_selector(name, value)


class _UnitAxes:
    def __call__(self, name: str, value: Any) -> Any:
        check_unit_axes(value)
        return dict(value)


UnitAxes: TypeAlias = Annotated[Mapping[str, int | Sequence[int]] | None, _UnitAxes()]
"""The axes that the norm of one unit sums over, for paths or patterns on them."""


def checked(name: str, value: Any, annotation: Any) -> Any:
    """Returns the value to keep of an argument.

    Raises:
        ValueError: If it is not what its annotation says.
    """
    kind: Any = annotation
    checks: tuple[Any, ...] = ()
    if hasattr(annotation, "__metadata__"):
        kind, checks = annotation.__origin__, annotation.__metadata__
    if get_origin(kind) is Literal:
        return _one_of(name, value, get_args(kind))
    alternatives = get_args(kind)
    if value is None and NoneType in alternatives:
        return None
    if is_schedule(value) and _SCHEDULE in alternatives:
        return value
    for check in checks:
        value = check(name, value)
    return value


def _one_of(name: str, value: Any, choices: tuple[Any, ...]) -> Any:
    if value not in choices:
        raise ValueError(
            f"`{name}` must be one of {', '.join(map(repr, choices))}. "
            f"Received: {name}={value!r}"
        )
    return value


def value_at(schedule: Any, step: Any, annotation: Any) -> Any:
    """Returns what a schedule gives at a step, in float32 and in range."""
    value = ops.cast(schedule(step), "float32")
    for check in getattr(annotation, "__metadata__", ()):
        if isinstance(check, Range):
            value = check.clipped(value)
    return value


def annotations_of(rule: type) -> dict[str, Any]:
    """Returns the annotations of a rule's arguments, by name."""
    return get_type_hints(rule, include_extras=True)


def serialized(value: Any) -> Any:
    """Returns an argument for a config."""
    if isinstance(value, list | tuple):
        return [serialized(entry) for entry in value]
    if callable(value) or hasattr(value, "get_config"):
        return keras.saving.serialize_keras_object(value)
    return value


def deserialized(value: Any) -> Any:
    """Returns an argument from what `serialized` returned."""
    if isinstance(value, list):
        return [deserialized(entry) for entry in value]
    if isinstance(value, dict) and "class_name" in value:
        return keras.saving.deserialize_keras_object(value)
    return value


def is_schedule(value: Any) -> bool:
    """Whether an argument is a schedule."""
    return isinstance(value, _SCHEDULE)


def shown(value: Any) -> str:
    """Returns an argument as it reads in a call."""
    if is_schedule(value):
        config = value.get_config()
        arguments = ", ".join(f"{k}={v!r}" for k, v in config.items() if k != "name")
        return f"{type(value).__name__}({arguments})"
    return getattr(value, "__qualname__", None) or repr(value)
