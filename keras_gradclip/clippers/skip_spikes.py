"""SkipSpikes: an update whose norm stands out by far is not made at all."""

from typing import Annotated

import keras

from keras_gradclip._backend import ops
from keras_gradclip._math.quantiles import WindowHistory
from keras_gradclip.clippers import base

# The quartiles of a normal distribution are so many deviations apart.
_QUARTILES = 1.349
# As a share of the median, so that equal norms are no spikes to one another.
_LEAST_DEVIATION = 0.01


@keras.saving.register_keras_serializable(package="keras_gradclip")
class SkipSpikes(base.HistoryClipper):
    """Skips an update whose norm is far above those of the last ones.

    Use it where single batches are bad, of broken data or of a loss that
    spikes, as in the pre-training of large models: what came of such a batch
    is not scaled down but thrown away, and weights, slots, averages and
    `iterations` are as if it had not been there. Not where large gradients are
    the ones to learn from, as rare rewards are; there scale them down, by
    `EMAClip` or `ZClip`. It costs a copy of each weight and slot per step, as
    `on_nonfinite="skip"` does. In a `Chain` put it first: the links before it
    learn from the spikes, and show it clipped norms.

    Formula, over the last `window` norms, those of skipped steps included:

        deviation = max((percentile 75 - percentile 25) / 1.349, 0.01 * median)
        threshold = min(median + deviations * deviation, max_norm)

    A step is skipped if the norm of any group is above its threshold, but no
    more than `max_in_a_row` times in succession: the step after those is made,
    whatever its norm. Neither a few spikes nor a few low norms move the median
    and the quartiles; a lasting rise is what they are after some steps of it,
    skipped or not. A norm of 0 and those of steps with a NaN or inf never
    enter the window.

    Args:
        deviations: Float above 0, or a `LearningRateSchedule`, or `None` to
            have `max_norm` alone. Defaults to 6.0.
        window: Int of at least 1: how many of the last norms count. Defaults
            to 128.
        warmup_steps: Int of at least 1: how many norms must have been seen
            before one is compared with them. Defaults to 64.
        max_norm: Float above 0, or a `LearningRateSchedule`: the norm above
            which a step is skipped in any case, also during the warm-up.
            Defaults to `None`.
        max_in_a_row: Int of at least 1. Defaults to 10.
        scope: `"global"`, `"layer"` or `"variable"`: whose norms are watched;
            what is skipped is always the whole step. Defaults to `"global"`.
        include: Which variables are watched; see `GroupedClipper`.
        exclude: Which of those are not.
        on_nonfinite: `"zero"`, `"skip"` or `"propagate"`.
        observe_only: Whether to measure only, and change nothing.

    Raises:
        ValueError: If an argument is out of its range, or if `deviations` and
            `max_norm` are both `None`.

    Example:

    ```python
    clipper = Chain([SkipSpikes(on_nonfinite="skip"), ClipByNorm(1.0)])
    optimizer = keras_gradclip.optimizers.AdamW(clipper=clipper)
    ```

    References:
        - The defaults are those of `SkipStepOptimizer` in OLMo-core (Allen
          Institute for AI), which takes mean and standard deviation instead
          and does not bound how many it skips; a fixed bound is Megatron's
          `grad_norm_skip_threshold`.
    """

    deviations: Annotated[base.Hyperparameter | None, base.Range(above=0)] = 6.0
    window: Annotated[int, base.Count(at_least=1, fixed=True)] = 128
    warmup_steps: Annotated[int, base.Count(at_least=1)] = 64
    max_norm: Annotated[base.Hyperparameter | None, base.Range(above=0)] = None
    max_in_a_row: Annotated[int, base.Count(at_least=1)] = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.deviations is None and self.max_norm is None:
            raise ValueError(
                "`deviations` must not be None where `max_norm` is: no step would be "
                "skipped. Received: deviations=None, max_norm=None"
            )
        self._history = WindowHistory(self.window)

    @property
    def skips_spikes(self) -> bool:
        return True

    def initial_state(self, groups: base.Groups) -> base.State:
        # One count for all groups, which are skipped together.
        in_a_row = {"in_a_row": groups.full(0.0)[:1]}
        return self._history.initial_state(len(groups)) | in_a_row

    def decide(self, measured: base.Measured, state: base.State) -> base.Decision:
        norms, observed, in_a_row = measured.norms, measured.observed, state["in_a_row"]
        history = {name: v for name, v in state.items() if name != "in_a_row"}
        threshold = self._edge(history, norms)
        if self.max_norm is not None:
            threshold = ops.minimum(threshold, self.max_norm)
        may_skip = in_a_row < self.max_in_a_row
        threshold = ops.where(may_skip, threshold, base.NO_BOUND)

        is_spike = ops.logical_and(observed, norms > threshold)
        counted = ops.where(ops.any(is_spike), in_a_row + 1.0, 0.0)
        new = self._history.add(history, norms, observed)
        new["in_a_row"] = ops.where(ops.any(observed), counted, in_a_row)
        return threshold, base.Kept(new)

    def _edge(self, history: base.State, norms: base.Tensor) -> base.Tensor:
        """Returns where spikes begin, by the norms before these."""
        if self.deviations is None:
            return base.NO_BOUND * ops.ones_like(norms)
        is_warm = ops.cast(history["count"], "float32") >= self.warmup_steps
        # An empty history has no percentiles to compute with.
        low, median, high = (
            ops.where(is_warm, self._history.percentile(history, percentile), 0.0)
            for percentile in (25.0, 50.0, 75.0)
        )
        least = _LEAST_DEVIATION * median
        deviation = ops.maximum((high - low) / _QUARTILES, least)
        edge = median + self.deviations * deviation
        return ops.where(is_warm, edge, base.NO_BOUND)

    def scales(
        self, norms: base.Tensor, thresholds: base.Tensor, finite: base.Tensor
    ) -> base.Tensor:
        return self.untouched(finite) * ops.ones_like(norms)

    def drops(self, norms: base.Tensor, thresholds: base.Tensor) -> base.Tensor:
        return ops.any(norms > thresholds)
