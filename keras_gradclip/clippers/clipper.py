"""The base class: measure, decide, scale. A rule is its `decide`."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from keras_gradclip.clippers.measured import Measured, Record, State, Tensor
from keras_gradclip.clippers.units import Effect, units_of
from keras_gradclip.groups import (
    Groups,
    Selector,
    as_selector,
    group_variables,
)
from keras_gradclip.norms import all_finite, sums_of_squares
from keras_gradclip.scaling import scale_gradients

ON_NONFINITE = ("zero", "skip", "propagate")


class Clipper:
    """Decides the threshold of each group of gradients; the base class.

    A clipper is a specification. It owns no variables: its state is a dict
    of arrays that the optimizer keeps, so one clipper may serve several
    optimizers, and a custom loop may keep the state itself.

    To write a rule, subclass it, give `decide` and, where the rule has a
    memory, `initial_state`, and list the constructor's arguments in
    `get_config`:

    ```python
    @keras.saving.register_keras_serializable(package="my_package")
    class ClipToMean(Clipper):
        \"\"\"Clips to the mean of all norms so far.\"\"\"

        def initial_state(self, groups):
            zeros = np.zeros((len(groups),), "float32")
            return {"sum": zeros, "count": zeros.copy()}

        def decide(self, measured, state):
            seen = ops.cast(measured.observed, "float32")
            norms = ops.where(measured.observed, measured.norms, 0.0)
            total = state["sum"] + norms
            count = state["count"] + seen
            mean = total / ops.maximum(count, 1.0)
            return mean, {"sum": total, "count": count}
    ```

    Args:
        scope: Which gradients share one norm: `"global"`, `"layer"`,
            `"variable"`, or, for rules without history, `"unit"`. Defaults
            to `"global"`.
        include: Which variables take part: a regular expression that is
            searched for in `variable.path`, a list of them, or a function
            from a variable to a bool. Defaults to `None`, all.
        exclude: Which of those do not, in the same form. Defaults to
            `None`. What does not take part is neither measured nor scaled.
        on_nonfinite: What becomes of an update whose gradient, in any
            variable, holds a NaN or an inf. `"zero"` replaces the whole
            gradient by zeros: one bad batch cannot destroy the weights, at
            no cost; momentum and weight decay still act, and the step
            counts. `"skip"` takes the update back as if the batch had not
            been there, weights, slots, averages and `iterations` included,
            at the cost of a copy of each of them per step; for optimizers
            in which a step of zeros does harm, or where steps must be
            counted exactly. `"propagate"` hands it on unchanged, for those
            who want to see it fail. Defaults to `"zero"`. The history is
            left alone in each case.
    """

    scopes: tuple[str, ...] = ("global", "layer", "variable")
    unit_axes: Mapping[str, Any] | None = None

    def __init__(
        self,
        scope: str = "global",
        include: Selector | None = None,
        exclude: Selector | None = None,
        on_nonfinite: str = "zero",
    ):
        check_choice("scope", scope, self.scopes)
        check_choice("on_nonfinite", on_nonfinite, ON_NONFINITE)
        self.scope = scope
        self.include = as_selector("include", include)
        self.exclude = as_selector("exclude", exclude)
        self.on_nonfinite = on_nonfinite

    @property
    def skips_nonfinite(self) -> bool:
        """Whether the optimizer has to take back a step that is not finite."""
        return self.on_nonfinite == "skip"

    # What a rule writes.

    def decide(self, measured: Measured, state: State) -> tuple[Tensor, State]:
        """Returns the threshold of each group and the state afterwards.

        Called once per update, also when the step is not finite; only norms
        where `measured.observed` may enter the state.

        Args:
            measured: Norms of shape `(groups,)`; at scope "unit", of one
                variable's units, of a shape that broadcasts against it.
            state: The arrays that `initial_state` described.

        Returns:
            `(thresholds, state)`. A norm above its threshold is scaled down
            to it; a threshold of inf clips nothing.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement `decide`.")

    def initial_state(self, groups: Groups) -> State:
        """Returns the state before the first step, as NumPy arrays."""
        del groups
        return {}

    # What is common to all rules.

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
        return group_variables(
            variables,
            self.scope,
            self.include,
            self.exclude,
            self.unit_axes,
            known_axes=unit_axes,
        )

    def clip(
        self,
        gradients: Sequence[Any],
        weights: Sequence[Any],
        state: State,
        step: Any,
        groups: Groups,
    ) -> tuple[list[Any], State, Record]:
        """Clips one step's gradients. A pure function.

        Args:
            gradients: One for each variable that was grouped; dense, sparse
                or `None`.
            weights: The variables' values, for rules that look at them.
            state: The state after the last step.
            step: How many updates came before; an integer scalar.
            groups: What `group` returned for the variables.

        Returns:
            `(gradients, state, record)`: the gradients to apply, the state
            to keep, and what was done.
        """
        if self.scope == "unit":
            return self._clip_units(gradients, weights, state, step, groups)
        sums = sums_of_squares(gradients)
        finite = all_finite(sums)
        norms = groups.norms(sums)
        measured = Measured(
            norms=norms,
            observed=ops.logical_and(finite, norms > 0),
            step=step,
            weight_norms=lambda: groups.weight_norms(weights),
        )
        state = {name: ops.convert_to_tensor(v) for name, v in state.items()}
        thresholds, state = self.decide(measured, state)
        scales = self.scales(norms, thresholds, finite)
        spread = groups.spread(scales, self.untouched(finite))
        clipped = scale_gradients(gradients, spread)
        return clipped, state, Record(norms, thresholds, scales, finite)

    def _clip_units(
        self,
        gradients: Sequence[Any],
        weights: Sequence[Any],
        state: State,
        step: Any,
        groups: Groups,
    ) -> tuple[list[Any], State, Record]:
        units = {
            i: units_of(gradient, weights[i], groups.unit_axes[i])
            for i, gradient in enumerate(gradients)
            if gradient is not None and groups.group_of[i] is not None
        }
        squares = {i: ops.square(unit.norms) for i, unit in units.items()}
        others = [None if i in units else g for i, g in enumerate(gradients)]
        before = groups.variable_sums({i: ops.sum(s) for i, s in squares.items()})
        finite = all_finite(before + sums_of_squares(others))
        untouched = self.untouched(finite)
        spread: list[Any] = [untouched] * len(gradients)
        after, lost = {}, {}
        for i, unit in units.items():
            observed = ops.logical_and(finite, unit.norms > 0)
            measured = Measured(unit.norms, observed, step, unit.weight_norms)
            thresholds, _ = self.decide(measured, {})
            scales = self.scales(unit.norms, thresholds, finite)
            spread[i] = unit.spread(scales)
            after[i] = ops.sum(squares[i] * ops.square(scales))
            lost[i] = ops.sum(squares[i] * (1.0 - scales))
        effect = Effect(before, groups.variable_sums(after), groups.variable_sums(lost))
        record = effect.record(groups, finite, untouched)
        return scale_gradients(gradients, spread), state, record

    def scales(self, norms: Tensor, thresholds: Tensor, finite: Tensor) -> Tensor:
        """Returns `min(1, threshold / norm)`, or what `on_nonfinite` says."""
        # A division comes last: XLA computes one once, but copies cheaper
        # operations, and all that leads up to them, into the update of every
        # single variable.
        is_clipped = ops.logical_and(finite, norms > thresholds)
        numerators = ops.where(is_clipped, thresholds, self.untouched(finite))
        return numerators / ops.where(is_clipped, norms, 1.0)

    def untouched(self, finite: Tensor) -> Tensor:
        """Returns the scale of what no threshold applies to, a scalar."""
        broken = 1.0 if self.on_nonfinite == "propagate" else 0.0
        return ops.where(finite, 1.0, broken)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, serializable."""
        return {
            "scope": self.scope,
            "include": _serialize_selector(self.include),
            "exclude": _serialize_selector(self.exclude),
            "on_nonfinite": self.on_nonfinite,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Clipper":
        """Returns a clipper from what `get_config` returned."""
        deserialize = keras.saving.deserialize_keras_object
        return cls(
            **{
                name: deserialize(value) if _is_serialized(value) else value
                for name, value in config.items()
            }
        )

    def __repr__(self) -> str:
        arguments = ", ".join(f"{k}={v!r}" for k, v in self.get_config().items())
        return f"{type(self).__name__}({arguments})"


def check_choice(name: str, value: Any, choices: Sequence[str]) -> None:
    """Raises `ValueError` unless `value` is one of `choices`."""
    if value not in choices:
        raise ValueError(
            f"`{name}` must be one of {', '.join(map(repr, choices))}. "
            f"Received: {name}={value!r}"
        )


def _serialize_selector(selector: Selector | None) -> Any:
    if callable(selector):
        return keras.saving.serialize_keras_object(selector)
    return selector


def _is_serialized(value: Any) -> bool:
    return isinstance(value, dict) and "class_name" in value
