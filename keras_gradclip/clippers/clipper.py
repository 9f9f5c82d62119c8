"""The interface of all clippers, and what the constructor of each does."""

import copyreg
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any, dataclass_transform

from keras_gradclip._backend import ops
from keras_gradclip._math.groups import Groups
from keras_gradclip.clippers.arguments import (
    annotations_of,
    checked,
    deserialized,
    is_schedule,
    serialized,
    shown,
    value_at,
)
from keras_gradclip.clippers.measured import Record, State
from keras_gradclip.clippers.numbers_in_force import NO_BOUND, Numbers
from keras_gradclip.clippers.observing import unless_observing

NUMBERS = "numbers"
"""The entry of the state for the numbers that were changed."""


class _Argument:
    """One argument of a rule: read like any attribute, and guarded when set."""

    def __init__(self, name: str, default: Any):
        self._name, self._default = name, default

    def __get__(self, clipper: Any, owner: Any = None) -> Any:
        if clipper is not None:
            return clipper._argument(self._name)
        if self._default is MISSING:
            raise AttributeError(f"`{self._name}` has no default.")
        return self._default

    def __set__(self, clipper: Any, value: Any) -> None:
        if vars(clipper).get("_is_made"):
            clipper._change(self._name, value)
        else:
            vars(clipper)[self._name] = value


@dataclass_transform(eq_default=False)
class Clipper:
    """Clips the gradients of an update: the interface of every rule.

    A clipper is a specification. It owns no variables: its state is a dict
    of arrays that the optimizer keeps, so one clipper may serve several
    optimizers, and a custom loop may keep the state itself. What it was made
    with stays. In use, at a built optimizer, its numbers can be changed, as a
    learning rate can: `optimizer.clipper.percentile = 20`.

    To write a rule on norms, subclass `HistoryClipper` of
    `keras_gradclip.clippers`, or `NormClipper` if it has no memory. This class
    is for what is not such a rule. The arguments of each are annotated fields,
    as in a dataclass; from them come the constructor, its checks and the
    config.

    Example, in a loop of your own and without any optimizer of this package:

    ```python
    clipper = AutoClip(percentile=10)
    weights = model.trainable_variables
    groups = clipper.group(weights)
    state = clipper.initial_state(groups)
    for step, batch in enumerate(batches):
        gradients = compute_gradients(model, batch)
        gradients, state, record = clipper.clip(
            gradients, state, weights, step, groups
        )
        optimizer.apply(gradients, weights)
    ```
    """

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        if "clip" in vars(cls):
            cls.clip = unless_observing(cls.clip)  # type: ignore[method-assign]
        dataclass(eq=False, repr=False)(cls)
        for field in fields(cls):  # type: ignore[arg-type]
            if field.name in vars(cls).get("__annotations__", {}):
                setattr(cls, field.name, _Argument(field.name, field.default))
        if "__init__" in vars(cls):
            # People see types in `help`, not what stands beside them.
            types = cls.__init__.__annotations__
            for name, annotation in types.items():
                if hasattr(annotation, "__metadata__"):
                    types[name] = annotation.__origin__

    def __post_init__(self) -> None:
        annotations = annotations_of(type(self))
        arguments = {
            name: checked(name, value, annotations[name])
            for name, value in self._arguments.items()
        }
        vars(self).update(arguments)
        self._scheduled = {
            n: annotations[n] for n, v in arguments.items() if is_schedule(v)
        }
        self._infinite = [n for n, v in arguments.items() if v == float("inf")]
        self._numbers = Numbers(arguments, annotations)
        self._is_made = True

    # The four methods.

    def group(
        self,
        variables: Sequence[Any],
        unit_axes: Mapping[str, Sequence[int]] | None = None,
    ) -> Groups:
        """Divides the variables to be updated into groups.

        Args:
            variables: The variables, in the order of their gradients.
            unit_axes: Axes that a model knows for its variables' units; see
                `keras_gradclip.unit_axes_of`.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement `group`.")

    def initial_state(self, groups: Groups) -> State:
        """Returns the state before the first step, as NumPy arrays.

        Args:
            groups: What `group` returned for the variables.
        """
        del groups
        return {}

    def clip(
        self,
        gradients: Sequence[Any],
        state: State,
        weights: Sequence[Any],
        step: Any,
        groups: Groups,
    ) -> tuple[list[Any], State, Record]:
        """Clips one step's gradients. A pure function.

        Args:
            gradients: One for each variable that was grouped; dense, sparse
                or `None`.
            state: The state after the last step.
            weights: The variables' values, for rules that look at them.
            step: How many updates came before; an integer scalar.
            groups: What `group` returned for the variables.

        Returns:
            `(gradients, state, record)`: the gradients to apply, the state
            to keep, and what was done.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement `clip`.")

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, serializable."""
        return {name: serialized(value) for name, value in self._arguments.items()}

    # What follows from them.

    @property
    def skips_nonfinite(self) -> bool:
        """Whether the optimizer has to take back a step that is not finite."""
        return False

    @property
    def skips_spikes(self) -> bool:
        """Whether it has to take back others, those that a record says."""
        return False

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Clipper":
        """Returns a clipper from what `get_config` returned."""
        return cls(**{name: deserialized(value) for name, value in config.items()})

    def at(self, step: Any, numbers: Any = None) -> Any:
        """Returns this clipper with the numbers that are in force at `step`.

        Args:
            step: How many updates came before; for the schedules.
            numbers: The row of numbers that were changed, or `None`.
        """
        found = {} if numbers is None else self._numbers.values(numbers)
        if not found and not self._scheduled and not self._infinite:
            return self
        there = self._duplicate()
        values = vars(there)
        values.update({name: NO_BOUND for name in self._infinite})
        values.update(found)
        for name, annotation in self._scheduled.items():
            values[name] = value_at(values[name], step, annotation)
        return there

    def begin(self, step: Any, state: State) -> tuple[Any, State]:
        """Returns the rule with the numbers in force, and its state as tensors.

        What `clip` of a `GroupedClipper` begins with.
        """
        own = {n: ops.convert_to_tensor(v) for n, v in state.items() if n != NUMBERS}
        return self.at(step, state.get(NUMBERS)), own

    # In use, by an optimizer.

    def numbers(self) -> dict[str, Numbers]:
        """Returns the rows of numbers that `clip` looks for in its state, by name.

        An optimizer keeps them as variables; a loop of one's own needs none.
        """
        return {}

    def in_use(self, rows: Mapping[str, Any]) -> Any:
        """Returns this clipper with its numbers in variables, to be set there.

        Args:
            rows: The variables of the rows that `numbers` returned.
        """
        there = self._duplicate()
        vars(there).update(_row=rows.get(NUMBERS), _is_in_use=True)
        return there

    def _duplicate(self) -> Any:
        there = object.__new__(type(self))
        vars(there).update(vars(self))
        return there

    def _argument(self, name: str) -> Any:
        row = vars(self).get("_row")
        if row is None or name not in self._numbers:
            return vars(self)[name]
        return self._numbers.changed(row).get(name, vars(self)[name])

    def _change(self, name: str, value: Any) -> None:
        row = vars(self).get("_row")
        if row is None or name not in self._numbers or is_schedule(value):
            way = (
                "make another clipper, or change a number where it is in use, at a "
                f"built optimizer: `optimizer.clipper.{name} = ...`"
                if not vars(self).get("_is_in_use")
                else f"in use, its numbers can be: {self._numbers}"
            )
            raise AttributeError(
                f"`{name}` of {type(self).__name__} cannot be changed; {way}. "
                f"Received: {name}={value!r}"
            )
        there = self._specification()
        vars(there).update({"_is_made": False, name: value})
        there.__post_init__()
        changed = self._numbers.changed(row) | {name: vars(there)[name]}
        row.assign(self._numbers.row(changed))

    def _specification(self) -> Any:
        """Returns a copy that is not in use, with the numbers of now."""
        there = self._duplicate()
        vars(there).update(self._arguments, _row=None, _is_in_use=False)
        there._numbers = Numbers(there._arguments, annotations_of(type(self)))
        return there

    def __reduce__(self) -> Any:
        return copyreg.__newobj__, (type(self),), vars(self._specification())  # type: ignore[attr-defined]

    def __repr__(self) -> str:
        parts = (f"{name}={shown(value)}" for name, value in self._arguments.items())
        return f"{type(self).__name__}({', '.join(parts)})"

    @property
    def _arguments(self) -> dict[str, Any]:
        # In the order of the call: those by keyword alone come last.
        ordered = sorted(fields(self), key=lambda f: bool(f.kw_only))  # type: ignore[arg-type]
        return {field.name: getattr(self, field.name) for field in ordered}
