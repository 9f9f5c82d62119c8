"""ZClip: cut off the norms that stand out from their running mean."""

from typing import Annotated

import keras

from keras_gradclip._backend import ops
from keras_gradclip.clippers import base


@keras.saving.register_keras_serializable(package="keras_gradclip")
class ZClip(base.HistoryClipper):
    """Clips norms more than `z_threshold` deviations above the running mean.

    Use it to cut off loss spikes, as in the pre-training of language
    models, and to leave all other steps alone. It is one-sided, and a
    larger spike is cut down further: towards the mean, not to the edge.
    Where norms drift quickly, the mean follows with a delay of about
    `1 / (1 - decay)` steps; for volatile norms the authors take a `decay` of
    0.9 to 0.95 and a `z_threshold` of 2. Not for norms below 1e-6: the score
    has 1e-6 beside the deviation, which then hides every spike.

    Formula, with `mean` and `std` of the norms before this one and
    `z = (norm - mean) / std`:

        threshold = mean + z_threshold * std * (z_threshold / z)   if z > z_threshold
                    mean + z_threshold * std, not reached          otherwise

    The first `warmup_steps` norms give the first mean and variance, and are
    not clipped by it. Afterwards both are exponential averages with `decay`
    of the norms after clipping, so that a spike does not raise them.

    Args:
        z_threshold: Float above 0, or a `LearningRateSchedule`. In standard
            deviations. Defaults to 2.5.
        decay: Float in [0, 1). Defaults to 0.97.
        warmup_steps: Int of at least 1. Defaults to 25.
        max_norm: Float above 0, or a `LearningRateSchedule`: a fixed bound
            besides, also during the warm-up. The averages do not see it.
            Defaults to `None`. The authors' code sets 1.0, which for norms
            above 1 overrules everything else.
        scope: `"global"`, `"layer"` or `"variable"`. Defaults to
            `"global"`.
        include: Which variables take part; see `GroupedClipper`.
        exclude: Which of those do not.
        on_nonfinite: `"zero"`, `"skip"` or `"propagate"`.
        observe_only: Whether to measure only, and change nothing.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    optimizer = keras_gradclip.optimizers.AdamW(clipper=ZClip())
    ```

    References:
        - Kumar, Owen, Roy Chowdhury and Güra, "ZClip: Adaptive Spike
          Mitigation for LLM Pre-Training", 2025, arXiv 2504.02507.
    """

    z_threshold: Annotated[base.Hyperparameter, base.Range(above=0)] = 2.5
    decay: Annotated[float, base.Range(at_least=0, below=1)] = 0.97
    warmup_steps: Annotated[int, base.Count(at_least=1)] = 25
    max_norm: Annotated[base.Hyperparameter | None, base.Range(above=0)] = None

    def initial_state(self, groups: base.Groups) -> base.State:
        # The count stops at the end of the warm-up: a float32 is enough.
        return {name: groups.full(0.0) for name in ("mean", "variance", "count")}

    def decide(self, measured: base.Measured, state: base.State) -> base.Decision:
        norms, mean, variance = measured.norms, state["mean"], state["variance"]
        deviation = ops.sqrt(variance)
        z = (norms - mean) / (deviation + 1e-6)
        spike = z > self.z_threshold
        edge = mean + self.z_threshold * deviation
        reciprocal = self.z_threshold / ops.where(spike, z, 1.0)
        target = mean + self.z_threshold * deviation * reciprocal
        # What is no spike is left alone, also where rounding or the 1e-6 put
        # it above the edge.
        threshold = ops.where(spike, target, ops.maximum(edge, norms))
        is_warm = state["count"] >= self.warmup_steps
        threshold = ops.where(is_warm, threshold, base.NO_BOUND)

        # During the warm-up these are the mean and variance of all norms so
        # far (Welford), afterwards exponential averages of clipped norms.
        seen = ops.where(ops.logical_and(is_warm, spike), threshold, norms)
        count = ops.minimum(state["count"] + 1.0, self.warmup_steps)
        weight = ops.where(is_warm, 1.0 - self.decay, 1.0 / count)
        difference = seen - mean
        new_mean = mean + weight * difference
        # The authors take the deviation from the mean already moved; in the
        # warm-up the product of old and new difference is Welford's term.
        squared = (seen - new_mean) * ops.where(is_warm, seen - new_mean, difference)
        new_variance = variance + weight * (squared - variance)
        if self.max_norm is not None:
            threshold = ops.minimum(threshold, self.max_norm)
        return threshold, {"mean": new_mean, "variance": new_variance, "count": count}
