"""The interface of all clippers, and what the constructor of each does."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, dataclass_transform

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


@dataclass_transform(eq_default=False, frozen_default=True)
class Clipper:
    """Clips the gradients of an update: the interface of every rule.

    A clipper is a specification. It owns no variables: its state is a dict
    of arrays that the optimizer keeps, so one clipper may serve several
    optimizers, and a custom loop may keep the state itself.

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
        dataclass(eq=False, repr=False)(cls)
        if "__init__" in vars(cls):
            # People see types in `help`, not what stands beside them.
            types = cls.__init__.__annotations__
            for name, annotation in types.items():
                if hasattr(annotation, "__metadata__"):
                    types[name] = annotation.__origin__

    def __post_init__(self) -> None:
        annotations = annotations_of(type(self))
        self._scheduled = {}
        for name, value in self._arguments.items():
            value = checked(name, value, annotations[name])
            setattr(self, name, value)
            if is_schedule(value):
                self._scheduled[name] = annotations[name]

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

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Clipper":
        """Returns a clipper from what `get_config` returned."""
        return cls(**{name: deserialized(value) for name, value in config.items()})

    def at(self, step: Any) -> Any:
        """Returns this clipper with the numbers that its schedules have at `step`."""
        if not self._scheduled:
            return self
        there = copy.copy(self)
        for name, annotation in self._scheduled.items():
            there.__dict__[name] = value_at(getattr(self, name), step, annotation)
        return there

    def __repr__(self) -> str:
        parts = (f"{name}={shown(value)}" for name, value in self._arguments.items())
        return f"{type(self).__name__}({', '.join(parts)})"

    @property
    def _arguments(self) -> dict[str, Any]:
        # In the order of the call: those by keyword alone come last.
        ordered = sorted(fields(self), key=lambda f: bool(f.kw_only))  # type: ignore[arg-type]
        return {field.name: getattr(self, field.name) for field in ordered}
