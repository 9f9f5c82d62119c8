"""Which gradients share one norm.

A scope divides the variables into groups: "global" makes one group of all,
"layer" one of each layer, "variable" one of each variable. At scope "unit"
each output unit of each weight has a norm of its own; the whole counts as
one group in logs and plots.
"""

import itertools
import math
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from keras_gradclip._backend import ops
from keras_gradclip._math.model_weights import ModelWeights
from keras_gradclip._math.selection import Selector, path_of, takes_part, unmatched
from keras_gradclip._math.unit_axes import resolve_unit_axes

Tensor = Any
Scope = Literal["global", "layer", "variable", "unit"]


@dataclass(frozen=True)
class Groups:
    """The fixed facts about the variables that a clipper is used on."""

    names: tuple[str, ...]
    """One name for each group: "global", a layer's path, a variable's."""

    group_of: tuple[int | None, ...]
    """Each variable's group; `None` for one that does not take part."""

    unit_axes: tuple[tuple[int, ...], ...] = ()
    """At scope "unit": the axes to sum over, for each variable."""

    unit_shapes: tuple[tuple[int, ...], ...] = ()
    """At scope "unit": each variable's shape, with 1 for those axes."""

    shapes: tuple[tuple[int, ...], ...] = ()
    """Each variable's shape."""

    def __len__(self) -> int:
        return len(self.names)

    def full(self, value: float) -> np.ndarray:
        """Returns one number for each group, float32: for an initial state."""
        return np.full((len(self),), value, "float32")

    @cached_property
    def is_whole(self) -> bool:
        """Whether there is one group, of which all variables are."""
        return len(self) == 1 and not self.left_out

    @cached_property
    def sizes(self) -> np.ndarray:
        """How many numbers each group holds, float32."""
        sizes = [math.prod(shape) for shape in self.shapes]
        weights = sizes or [0] * len(self.group_of)
        return np.bincount(self.rows, weights, len(self) + 1)[:-1].astype("float32")

    @property
    def left_out(self) -> list[int]:
        """The variables that do not take part."""
        return [i for i, group in enumerate(self.group_of) if group is None]

    @property
    def rows(self) -> list[int]:
        """Each variable's group, those left out in one past the last."""
        return [len(self) if g is None else g for g in self.group_of]

    def sums(self, sums: Tensor) -> Tensor:
        """Returns each group's sum from each variable's.

        Args:
            sums: Shape `(variables,)`.

        Returns:
            Shape `(groups,)`.
        """
        if not self.left_out:
            if len(self) == len(self.group_of):
                return sums
            if len(self) == 1:
                return ops.reshape(ops.sum(sums), (1,))
        rows = np.asarray(self.rows, "int32")
        return ops.segment_sum(sums, rows, num_segments=len(self) + 1)[: len(self)]


def group_variables(
    variables: Sequence[Any],
    scope: Scope,
    include: Selector | None = None,
    exclude: Selector | None = None,
    unit_axes: Mapping[str, Any] | None = None,
    known_axes: Mapping[str, Any] | None = None,
) -> Groups:
    """Divides variables into groups.

    Args:
        variables: The variables, in the order of their gradients.
        scope: "global", "layer", "variable" or "unit".
        include: Which variables take part; `None` for all.
        exclude: Which of those do not; `None` for none.
        unit_axes: The user's axes for scope "unit".
        known_axes: A model's axes for it. `ModelWeights` knows better paths of
            some, too.

    Raises:
        ValueError: If no variable takes part.
    """
    model = known_axes if isinstance(known_axes, ModelWeights) else None
    find_path = path_of if model is None else model.path_of
    paths = [find_path(variable) for variable in variables]
    taking_part = [
        takes_part(v, include, exclude, path) for v, path in zip(variables, paths)
    ]
    given = {"include": include, "exclude": exclude, "unit_axes": unit_axes}
    idle = [unmatched(name, value, paths) for name, value in given.items()]
    hints = [hint for hint in idle if hint is not None]
    if not any(taking_part):
        raise ValueError(
            "`include` and `exclude` must leave at least one variable to "
            f"clip. Received: include={include!r}, exclude={exclude!r}, "
            f"variables={paths}. {' '.join(hints)}".strip()
        )
    for hint in hints:
        warnings.warn(hint, stacklevel=2)
    keys = _group_keys(paths, scope)
    names = list(dict.fromkeys(k for k, part in zip(keys, taking_part) if part))
    position = {name: i for i, name in enumerate(names)}
    group_of = [position[k] if part else None for k, part in zip(keys, taking_part)]
    if model is None:
        _warn_of_nameless(variables, taking_part, scope, unit_axes, known_axes)
    shapes = tuple(tuple(variable.shape) for variable in variables)
    if scope != "unit":
        return Groups(tuple(names), tuple(group_of), shapes=shapes)
    axes = tuple(
        resolve_unit_axes(path, shape, unit_axes, _known(path, variable, known_axes))
        for path, variable, shape in zip(paths, variables, shapes)
    )
    unit_shapes = tuple(
        tuple(1 if i in summed else n for i, n in enumerate(shape))
        for shape, summed in zip(shapes, axes)
    )
    return Groups(tuple(names), tuple(group_of), axes, unit_shapes, shapes)


def _known(path: str, variable: Any, known: Mapping[str, Any] | None) -> Any:
    """What is known of one variable's axes, as a mapping from its path."""
    if not isinstance(known, ModelWeights):
        return known
    axes = known.axes_of(variable)
    return None if axes is None else {path: axes}


def _warn_of_nameless(
    variables: Sequence[Any],
    taking_part: Sequence[bool],
    scope: Scope,
    *axes: Mapping[str, Any] | None,
) -> None:
    """Warns of variables whose paths do not say what they are."""
    nameless = [
        variable
        for variable, part in zip(variables, taking_part)
        if part
        and re.fullmatch(r"variable(_\d+)?", path_of(variable))
        and not any(_is_key(path_of(variable), known or {}) for known in axes)
    ]
    matrices = [v for v in nameless if len(v.shape) > 1]
    if scope == "unit" and matrices:
        taken = "the last axis of each is taken for its output, torch's is the first"
        remedy = "pass `unit_axes=unit_axes_of(model)` or use `ClippedModel`"
    elif scope == "layer" and len(nameless) > 1:
        taken, remedy = "each is taken for a layer of its own", "use `ClippedModel`"
    else:
        return
    warnings.warn(
        "Some variables have no path that names their layer, as those of a torch "
        f"module in Keras: {taken}. To have them looked up in the layers, {remedy}. "
        f"Received: scope={scope!r}, {[path_of(v) for v in nameless[:5]]}",
        stacklevel=3,
    )


def _is_key(path: str, axes: Mapping[str, Any]) -> bool:
    return path in axes or any(re.search(pattern, path) for pattern in axes)


def _group_keys(paths: list[str], scope: Scope) -> list[str]:
    """Returns a name for each variable; those with one name share a group."""
    if scope in ("global", "unit"):
        return [scope] * len(paths)
    if scope == "variable":
        return _with_own_names([[path] for path in paths], taken=set(paths))
    layers = [path.rpartition("/")[0] or path for path in paths]
    members = _layers_of(layers, paths)
    names = _with_own_names([[layers[i] for i in m] for m in members], set(layers))
    name_of = {i: name for name, m in zip(names, members) for i in m}
    return [name_of[i] for i in range(len(paths))]


def _layers_of(layers: list[str], paths: list[str]) -> list[list[int]]:
    """Returns the variables of each layer.

    Two layers may bear one name: a path that comes again begins another.
    """
    members: list[list[int]] = []
    newest: dict[str, list[int]] = {}
    for i, (layer, path) in enumerate(zip(layers, paths)):
        current = newest.get(layer)
        if current is None or any(paths[j] == path for j in current):
            current = newest[layer] = []
            members.append(current)
        current.append(i)
    return members


def _with_own_names(groups: list[list[str]], taken: set[str]) -> list[str]:
    """Returns each group's first entry, numbered where it comes again.

    A name that is made up here must not be one of those `taken`.
    """
    names: list[str] = []
    for first, *_ in groups:
        numbered = (f"{first}_{i}" for i in itertools.count(1))
        names.append(
            next(
                name
                for name in itertools.chain([first], numbered)
                if name not in names and (name == first or name not in taken)
            )
        )
    return names
