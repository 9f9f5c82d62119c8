"""Which gradients share one norm.

A scope divides the variables into groups: "global" makes one group of all,
"layer" one of each layer, "variable" one of each variable. At scope "unit"
each output unit of each weight has a norm of its own; the whole counts as
one group in logs and plots.
"""

import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from keras_gradclip.norms import constant, sums_of_squares
from keras_gradclip.unit_axes import resolve_unit_axes

Tensor = Any
Selector = str | Iterable[str] | Callable[[Any], bool]

SCOPES = ("global", "layer", "variable", "unit")


@dataclass(frozen=True)
class Groups:
    """The fixed facts about the variables that a clipper is used on."""

    names: tuple[str, ...]
    """One name for each group: "global", a layer's path, a variable's."""

    group_of: tuple[int | None, ...]
    """Each variable's group; `None` for one that does not take part."""

    unit_axes: tuple[tuple[int, ...], ...] = ()
    """At scope "unit": the axes to sum over, for each variable."""

    def __len__(self) -> int:
        return len(self.names)

    @property
    def whole(self) -> slice:
        """Which groups make up the whole gradient: all, but not in a chain."""
        return slice(None)

    def norms(self, sums: Tensor) -> Tensor:
        """Returns each group's norm from each variable's sum of squares.

        Args:
            sums: Shape `(variables,)`.

        Returns:
            Shape `(groups,)`.
        """
        if len(self) == len(self.group_of) and None not in self.group_of:
            return ops.sqrt(sums)
        # A variable that takes no part goes into a group past the last.
        ids = [len(self) if g is None else g for g in self.group_of]
        if len(self) == 1 and None not in self.group_of:
            return ops.sqrt(ops.reshape(ops.sum(sums), (1,)))
        totals = ops.segment_sum(
            sums, np.asarray(ids, "int32"), num_segments=len(self) + 1
        )
        return ops.sqrt(totals[: len(self)])

    def variable_sums(self, sums: Mapping[int, Tensor]) -> Tensor:
        """Returns an array of one number for each variable, 0 where none is."""
        zero = ops.zeros((), "float32")
        count = len(self.group_of)
        return ops.stack([sums.get(i, zero) for i in range(count)])

    def weight_norms(self, weights: Sequence[Any]) -> Tensor:
        """Returns the norm of each group's weights, shape `(groups,)`."""
        return self.norms(sums_of_squares([constant(w) for w in weights]))

    def spread(self, values: Tensor, otherwise: Tensor) -> list[Tensor]:
        """Returns each variable's entry of `values`, shape `(groups,)`.

        Variables that take no part get `otherwise`.
        """
        entries = ops.unstack(values, num=len(self), axis=0)
        return [otherwise if g is None else entries[g] for g in self.group_of]


def group_variables(
    variables: Sequence[Any],
    scope: str,
    include: Selector | None = None,
    exclude: Selector | None = None,
    unit_axes: Mapping[str, Any] | None = None,
    known_axes: Mapping[str, Any] | None = None,
) -> Groups:
    """Divides variables into groups.

    Args:
        variables: The variables, in the order of their gradients.
        scope: One of "global", "layer", "variable", "unit".
        include: Which variables take part: a regular expression that is
            searched for in `variable.path`, several of them, or a predicate
            on the variable. `None` means all.
        exclude: Which of those do not, in the same form.
        unit_axes: At scope "unit", the user's word on the axes to sum over.
        known_axes: What a model's layers say of them.

    Raises:
        ValueError: If no variable takes part.
    """
    taking_part = [_takes_part(v, include, exclude) for v in variables]
    if not any(taking_part):
        raise ValueError(
            "`include` and `exclude` must leave at least one variable to "
            f"clip. Received: include={include!r}, exclude={exclude!r}, "
            f"variables={[path_of(v) for v in variables]}"
        )
    keys = _group_keys(variables, scope)
    names = list(dict.fromkeys(k for k, part in zip(keys, taking_part) if part))
    position = {name: i for i, name in enumerate(names)}
    group_of = [position[k] if part else None for k, part in zip(keys, taking_part)]
    axes: tuple[tuple[int, ...], ...] = ()
    if scope == "unit":
        axes = tuple(
            resolve_unit_axes(path_of(v), tuple(v.shape), unit_axes, known_axes)
            for v in variables
        )
    return Groups(tuple(names), tuple(group_of), axes)


def path_of(variable: Any) -> str:
    """Returns a variable's path; a bare tf.Variable has a name only."""
    return str(getattr(variable, "path", variable.name))


def _group_keys(variables: Sequence[Any], scope: str) -> list[str]:
    """Returns a name for each variable; those with one name share a group."""
    paths = [path_of(variable) for variable in variables]
    if scope in ("global", "unit"):
        return [scope] * len(paths)
    if scope == "layer":
        return [path.rpartition("/")[0] or path for path in paths]
    # Two layers may bear one name, and each variable is a group of its own.
    keys: list[str] = []
    for path in paths:
        names = itertools.chain([path], (f"{path}_{i}" for i in itertools.count(1)))
        # A name made up here must not be the path of a later variable.
        keys.append(
            next(n for n in names if n not in keys and (n == path or n not in paths))
        )
    return keys


def _takes_part(
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
