"""What values a setting accepts, declared in its type and told in its help."""

import functools
import math
from dataclasses import dataclass, fields
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from examples.dqn.errors import ConfigError


@dataclass(frozen=True)
class Range:
    """The numbers that a setting accepts, or each of several numbers.

    `gamma: Annotated[float, Range(at_least=0, at_most=1)]` is all that it takes:
    `check_ranges` holds values against it, and `--help` tells it.
    """

    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None

    @property
    def rule(self) -> str:
        """What follows "must be"."""
        if self.at_most is None:
            if self.above is None:
                return f"at least {self.at_least}"
            return f"above {self.above}"
        low = f"[{self.at_least}" if self.above is None else f"({self.above}"
        return f"in {low}, {self.at_most}]"

    def accepts(self, value: float) -> bool:
        # NaN fails every comparison, and infinity is no setting.
        return (
            math.isfinite(value)
            and (self.at_least is None or value >= self.at_least)
            and (self.above is None or value > self.above)
            and (self.at_most is None or value <= self.at_most)
        )


@dataclass(frozen=True)
class OneOf:
    """The names that a setting accepts, where they are not ours to write down."""

    names: tuple[str, ...]

    @property
    def rule(self) -> str:
        """What follows "must be"."""
        return f"one of {', '.join(self.names)}"

    def accepts(self, value: str) -> bool:
        return value in self.names


def rule_of(hint: Any) -> Range | OneOf | None:
    """The range in a field's type, None if it has none."""
    if get_origin(hint) is not Annotated:
        return None
    found = [part for part in get_args(hint) if isinstance(part, (Range, OneOf))]
    return found[0] if found else None


def is_several(hint: Any) -> bool:
    """Whether a field with a range is a tuple, each of whose values is held to it."""
    return get_origin(get_args(hint)[0]) is tuple


def check_ranges(settings: Any) -> None:
    """Holds each setting against the range in its type.

    Args:
        settings: A dataclass. None passes where the type allows it.

    Raises:
        ConfigError: For the first that is not in its range.
    """
    kind: Any = type(settings)
    for name, hint, rule in _rules(kind):
        value = getattr(settings, name)
        is_optional = type(None) in get_args(get_args(hint)[0])
        if is_optional and value is None:
            continue
        several = is_several(hint)
        if all(map(rule.accepts, value if several else [value])):
            continue
        what = f"each of {name}" if several else name
        asked = f"None or {rule.rule}" if is_optional else rule.rule
        raise ConfigError(f"{what} must be {asked}. Received: {name}={value}")


@functools.cache
def _rules(settings: Any) -> list[tuple[str, Any, Any]]:
    """(name, type, range) of the fields of a dataclass that have a range."""
    hints = get_type_hints(settings, include_extras=True)
    found = ((part.name, hints[part.name]) for part in fields(settings))
    return [(name, hint, rule) for name, hint in found if (rule := rule_of(hint))]
