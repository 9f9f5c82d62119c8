"""Which variables take part: regular expressions on paths, or a function."""

import re
from collections.abc import Callable, Iterable
from typing import Any

Selector = str | Iterable[str] | Callable[[Any], bool]


def path_of(variable: Any) -> str:
    """Returns a variable's path; a bare tf.Variable has a name only."""
    return str(getattr(variable, "path", variable.name))


def takes_part(
    variable: Any, include: Selector | None, exclude: Selector | None
) -> bool:
    if include is not None and not _matches(include, variable):
        return False
    return exclude is None or not _matches(exclude, variable)


def _matches(selector: Selector, variable: Any) -> bool:
    if callable(selector):
        return bool(selector(variable))
    patterns = [selector] if isinstance(selector, str) else selector
    return any(re.search(pattern, path_of(variable)) for pattern in patterns)


def as_selector(name: str, selector: Any) -> Selector | None:
    """Returns what was given as `include` or `exclude`, checked.

    Raises:
        ValueError: If it is of no form that these take.
    """
    if selector is None or callable(selector):
        return selector
    try:
        patterns = selector if isinstance(selector, str) else list(selector)
        for pattern in [patterns] if isinstance(patterns, str) else patterns:
            re.compile(pattern)
        return patterns
    except (TypeError, re.error) as error:
        raise ValueError(
            f"`{name}` must be a regular expression, a list of them, or a "
            f"function from a variable to a bool ({error}). "
            f"Received: {name}={selector!r}"
        ) from error
