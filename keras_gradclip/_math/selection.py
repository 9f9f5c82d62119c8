"""Which variables take part: regular expressions on paths, or a function."""

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import keras

Selector = str | Iterable[str] | Callable[[Any], bool]

# As many paths as a message lists; large models have thousands.
_MOST_PATHS = 20


def path_of(variable: Any) -> str:
    """Returns a variable's path; a bare tf.Variable has a name only."""
    return str(getattr(variable, "path", variable.name))


def takes_part(
    variable: Any,
    include: Selector | None,
    exclude: Selector | None,
    path: str | None = None,
) -> bool:
    """Whether a variable is to be clipped.

    Args:
        variable: What a function is asked about.
        include: Which variables take part; `None` for all.
        exclude: Which of those do not; `None` for none.
        path: Where patterns are searched for; `None` for the variable's own.
    """
    path = path_of(variable) if path is None else path
    if include is not None and not _matches(include, variable, path):
        return False
    return exclude is None or not _matches(exclude, variable, path)


def _matches(selector: Selector, variable: Any, path: str) -> bool:
    if callable(selector):
        return bool(selector(variable))
    return any(re.search(pattern, path) for pattern in _patterns(selector))


def _patterns(selector: Any) -> list[str]:
    if selector is None or callable(selector):
        return []
    return [selector] if isinstance(selector, str) else list(selector)


def unmatched(name: str, selector: Any, paths: Sequence[str]) -> str | None:
    """Says which patterns of an argument match no path, or None if all do.

    Args:
        name: The argument's name.
        selector: `include` or `exclude`, or the keys of `unit_axes`.
        paths: The paths of all variables.
    """
    # A key of `unit_axes` may be a path that is no regular expression.
    idle = [
        pattern
        for pattern in _patterns(selector)
        if pattern not in paths and not any(re.search(pattern, p) for p in paths)
    ]
    if not idle:
        return None
    near = list(dict.fromkeys(p for pattern in idle for p in _closest(pattern, paths)))
    closest = f"The closest are {_listed(near)}. " if near else ""
    return (
        f"`{name}` has patterns that match no variable: {_listed(idle)}. {closest}"
        f"The trainable variables are {_listed(paths)}."
    )


def _closest(pattern: str, paths: Sequence[str]) -> list[str]:
    """The paths of which some part is most like a pattern."""
    plain = re.sub(r"[\\^$.*+?()|\[\]]", "", pattern).strip("/").lower()
    found: dict[str, list[str]] = {}
    for path in paths:
        names = path.split("/")
        for i in range(len(names)):
            for j in range(i, len(names)):
                part = "/".join(names[i : j + 1]).lower()
                found.setdefault(part, []).append(path)
    best = difflib.get_close_matches(plain, list(found), n=1)
    return found[best[0]][:3] if best else []


def _listed(entries: Sequence[str]) -> str:
    listed = ", ".join(map(repr, entries[:_MOST_PATHS]))
    more = len(entries) - _MOST_PATHS
    return f"{listed} and {more} more" if more > 0 else listed


def as_selector(name: str, selector: Any) -> Selector | None:
    """Returns what was given as `include` or `exclude`, checked.

    Raises:
        ValueError: If it is of no form that these take.
    """
    _refuse_weights(name, selector)
    if selector is None or callable(selector):
        return selector
    try:
        patterns = selector if isinstance(selector, str) else list(selector)
        for pattern in _patterns(patterns):
            _refuse_weights(name, pattern)
            if not isinstance(pattern, str):
                raise TypeError("a pattern must be a str")
            re.compile(pattern)
        return patterns
    except (TypeError, re.error) as error:
        raise ValueError(
            f"`{name}` must be a regular expression, a list of them, or a "
            f"function from a variable to a bool ({error}). "
            f"Received: {name}={selector!r}"
        ) from error


def _refuse_weights(name: str, selector: Any) -> None:
    # A layer and a class are callable, too, but not from a variable to a bool.
    if isinstance(selector, keras.Layer | keras.Variable | type):
        raise ValueError(
            f"`{name}` must be a regular expression on paths, a list of them, or "
            "a function from a variable to a bool: a layer or a variable could "
            "not be saved with the optimizer. For those of one layer give "
            f"`[re.escape(v.path) for v in layer.variables]`. "
            f"Received: {name}={selector!r}"
        )
