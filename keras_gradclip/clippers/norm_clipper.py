"""The base class of rules on norms: measure, decide, scale, remember."""

from collections.abc import Sequence
from typing import Any

from keras_gradclip._backend import backend, ops
from keras_gradclip._math.group_norms import GroupNorms
from keras_gradclip._math.groups import Groups
from keras_gradclip._math.sparse import as_tensors
from keras_gradclip._math.unit_norms import UnitNorms
from keras_gradclip.clippers.grouped_clipper import GroupedClipper
from keras_gradclip.clippers.measured import (
    Decision,
    Kept,
    Measured,
    Record,
    State,
    Tensor,
)


class NormClipper(GroupedClipper):
    """Scales down the groups whose norm is above a threshold.

    For rules without a memory, which decide by the weights, the step or their
    arguments alone; `HistoryClipper` is for those that learn. A rule is its
    `decide`.

    Args:
        scope: See `GroupedClipper`, and so for the others.
        include: Which variables take part.
        exclude: Which of those do not.
        on_nonfinite: `"zero"`, `"skip"` or `"propagate"`.
        observe_only: Whether to measure only, and change nothing.
    """

    # What a rule writes.

    def decide(self, measured: Measured, state: State) -> Decision:
        """Returns the threshold of each group and the state afterwards.

        Called once per update, also when the step is not finite. Where a
        group's norm is not one to learn from (`measured.observed`), its state
        stays as it was, whatever is returned.

        Args:
            measured: The norms, shape `(groups,)`, and what goes with them.
            state: The arrays that `initial_state` described; the first axis
                of each is that of the groups.

        Returns:
            `(thresholds, state)`. A norm above its threshold is scaled down
            to it, one below 0 counts as 0, and `base.NO_BOUND` clips
            nothing. One number stands for all groups.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement `decide`.")

    def scales(self, norms: Tensor, thresholds: Tensor, finite: Tensor) -> Tensor:
        """Returns `min(1, threshold / norm)`, or what `on_nonfinite` says.

        A rule that scales otherwise overrides it.

        Args:
            norms: Shape `(groups,)`.
            thresholds: Shape `(groups,)`.
            finite: Whether the step is, a bool scalar.
        """
        # A division comes last: XLA computes one once, but copies cheaper
        # operations, and all that leads up to them, into the update of every
        # single variable.
        is_clipped = ops.logical_and(finite, norms > thresholds)
        numerators = ops.where(is_clipped, thresholds, self.untouched(finite))
        return numerators / ops.where(is_clipped, norms, 1.0)

    def drops(self, norms: Tensor, thresholds: Tensor) -> Tensor | None:
        """Returns whether a finite step is to be skipped whole, a bool scalar.

        For rules whose `skips_spikes` is true; `None` for all others.

        Args:
            norms: Shape `(groups,)`.
            thresholds: Shape `(groups,)`.
        """
        return None

    # What is common to all rules.

    def clip(
        self,
        gradients: Sequence[Any],
        state: State,
        weights: Sequence[Any],
        step: Any,
        groups: Groups,
    ) -> tuple[list[Any], State, Record]:
        rule, old = self.begin(step, state)
        kind = UnitNorms if groups.unit_axes else GroupNorms
        measure = kind(as_tensors(gradients), weights, groups)
        norms, whole = measure.norms, measure.whole
        # The root in it is for XLA; see `scales`.
        finite = ops.isfinite(whole)
        observed = ops.logical_and(finite, norms > 0)

        measured = Measured(
            norms, observed, step, measure.weight_norms, lambda: groups.sizes
        )
        thresholds, new = rule.decide(measured, old)
        thresholds = _for_each(thresholds, norms)
        scales = rule.scales(norms, thresholds, finite)
        untouched, skipped = self.untouched(finite), False
        drops = rule.drops(norms, thresholds)
        if drops is not None:
            skipped = ops.logical_and(finite, drops)
            kept = ops.cast(ops.logical_not(skipped), "float32")
            scales, untouched = scales * kept, untouched * kept

        clipped = measure.scaled(scales, untouched, finite)
        dropped = whole if self.on_nonfinite == "propagate" else untouched
        after = ops.where(finite, measure.whole_after(scales), dropped)
        after = after if drops is None else after * kept
        effect = measure.effect(thresholds, scales, finite, untouched)
        record = Record(*effect, whole, after, finite, skipped)
        return clipped, _kept(observed, new, old), record


def _for_each(thresholds: Any, norms: Tensor) -> Tensor:
    """Returns a threshold for each group, none below 0."""
    if isinstance(thresholds, int | float):
        return ops.full_like(norms, max(float(thresholds), 0.0))
    thresholds = ops.maximum(ops.convert_to_tensor(thresholds, "float32"), 0.0)
    if len(thresholds.shape) == 0:
        thresholds = thresholds * ops.ones_like(norms)
    return thresholds


def _kept(observed: Tensor, new: State, old: State) -> State:
    """Returns the new state where a group was observed, the old elsewhere."""
    if set(new) != set(old):
        raise ValueError(
            "`decide` must return the state that `initial_state` described. "
            f"Received: {sorted(new)}, not {sorted(old)}"
        )
    if isinstance(new, Kept):
        return dict(new)
    return {
        name: before
        if new[name] is before
        else backend.keep(observed, new[name], before)
        for name, before in old.items()
    }
