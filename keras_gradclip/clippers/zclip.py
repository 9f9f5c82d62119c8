"""ZClip: cut off the norms that stand out from their running mean."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_gradclip.clippers.clipper import Clipper
from keras_gradclip.clippers.hyperparameter import (
    Hyperparameter,
    check_count,
    check_number,
    number_or_schedule,
    serialize,
    value_at,
)
from keras_gradclip.clippers.measured import Measured, State, Tensor
from keras_gradclip.groups import Groups


@keras.saving.register_keras_serializable(package="keras_gradclip")
class ZClip(Clipper):
    """Clips norms more than `z_threshold` deviations above the running mean.

    Use it to cut off loss spikes, as in the pre-training of language
    models, and to leave all other steps alone. It is one-sided, and a
    larger spike is cut down further: towards the mean, not to the edge.
    Where norms drift quickly, the mean follows with a delay of about
    `1 / (1 - decay)` steps.

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
        **kwargs: `include`, `exclude` and `on_nonfinite`; see `Clipper`.

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

    def __init__(
        self,
        z_threshold: Hyperparameter = 2.5,
        decay: float = 0.97,
        warmup_steps: int = 25,
        max_norm: Hyperparameter | None = None,
        scope: str = "global",
        **kwargs: Any,
    ):
        super().__init__(scope=scope, **kwargs)
        self.z_threshold = number_or_schedule("z_threshold", z_threshold, above=0)
        check_number("decay", decay, at_least=0, below=1)
        check_count("warmup_steps", warmup_steps, at_least=1)
        if max_norm is not None:
            max_norm = number_or_schedule("max_norm", max_norm, above=0)
        self.decay = float(decay)
        self.warmup_steps = int(warmup_steps)
        self.max_norm = max_norm

    def initial_state(self, groups: Groups) -> State:
        zeros = np.zeros((len(groups),), "float32")
        # The count stops at the end of the warm-up: a float32 is enough.
        return {"mean": zeros, "variance": zeros.copy(), "count": zeros.copy()}

    def decide(self, measured: Measured, state: State) -> tuple[Tensor, State]:
        mean, variance, count = state["mean"], state["variance"], state["count"]
        norms, z_threshold = measured.norms, value_at(self.z_threshold, measured.step)

        deviation = ops.sqrt(variance)
        z = (norms - mean) / (deviation + 1e-6)
        spike = z > z_threshold
        target = mean + z_threshold * deviation * (z_threshold / z)
        # What is no spike is left alone, also where rounding or the 1e-6 put
        # it above the edge.
        edge = ops.maximum(mean + z_threshold * deviation, norms)
        threshold = ops.where(spike, target, edge)
        is_warm = count >= self.warmup_steps
        threshold = ops.where(is_warm, threshold, np.inf)

        # During the warm-up these are the mean and variance of all norms so
        # far (Welford), afterwards exponential averages of clipped norms.
        seen = ops.where(ops.logical_and(is_warm, spike), threshold, norms)
        count = count + ops.where(is_warm, 0.0, 1.0)
        weight = ops.where(is_warm, 1.0 - self.decay, 1.0 / count)
        difference = seen - mean
        new_mean = mean + weight * difference
        # The authors take the deviation from the mean already moved; in the
        # warm-up the product of old and new difference is Welford's term.
        squared = ops.where(
            is_warm, ops.square(seen - new_mean), difference * (seen - new_mean)
        )
        new_variance = variance + weight * (squared - variance)

        def keep(new: Tensor, old: Tensor) -> Tensor:
            return ops.where(measured.observed, new, old)

        state = {
            "mean": keep(new_mean, mean),
            "variance": keep(new_variance, variance),
            "count": keep(count, state["count"]),
        }
        if self.max_norm is not None:
            cap = value_at(self.max_norm, measured.step)
            threshold = ops.minimum(threshold, cap)
        return threshold, state

    def get_config(self) -> dict[str, Any]:
        return {
            "z_threshold": serialize(self.z_threshold),
            "decay": self.decay,
            "warmup_steps": self.warmup_steps,
            "max_norm": None if self.max_norm is None else serialize(self.max_norm),
            **super().get_config(),
        }
