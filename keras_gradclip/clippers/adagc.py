"""AdaGC: clip each tensor relative to its own recent norms."""

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
class AdaGC(Clipper):
    """Clips to slightly above a running average of the norms after clipping.

    Use it for the pre-training of large models, where single tensors spike
    while the global norm looks calm. Not for norms that rise, as in
    reinforcement learning: the average starts at the smallest norm of the
    warm-up and, with the defaults, grows by at most 0.1 % per step, so that
    doubling takes 693 steps.

    Formula, with `average` the running average of each group:

        threshold = relative_threshold * average
        average   = decay * average + (1 - decay) * norm after clipping

    For the first `warmup_steps` all groups are scaled together so that
    their joint norm is at most `absolute_threshold`, and `average` is the
    smallest norm after that.

    Args:
        relative_threshold: Float of at least 1, or a
            `LearningRateSchedule`. Defaults to 1.05.
        absolute_threshold: Float above 0, or a `LearningRateSchedule`. The
            bound on the joint norm during the warm-up. Defaults to 1.0.
        decay: Float in [0, 1). Defaults to 0.98.
        warmup_steps: Int of at least 1. Defaults to 100.
        scope: `"global"`, `"layer"` or `"variable"`. Defaults to
            `"variable"`, as in the paper.
        **kwargs: `include`, `exclude` and `on_nonfinite`; see `Clipper`.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    optimizer = keras_gradclip.optimizers.AdamW(clipper=AdaGC())
    ```

    References:
        - Wang et al., "AdaGC: Improving Training Stability for Large
          Language Model Pretraining", 2025, arXiv 2502.11034.
    """

    def __init__(
        self,
        relative_threshold: Hyperparameter = 1.05,
        absolute_threshold: Hyperparameter = 1.0,
        decay: float = 0.98,
        warmup_steps: int = 100,
        scope: str = "variable",
        **kwargs: Any,
    ):
        super().__init__(scope=scope, **kwargs)
        self.relative_threshold = number_or_schedule(
            "relative_threshold", relative_threshold, at_least=1
        )
        self.absolute_threshold = number_or_schedule(
            "absolute_threshold", absolute_threshold, above=0
        )
        check_number("decay", decay, at_least=0, below=1)
        check_count("warmup_steps", warmup_steps, at_least=1)
        self.decay = float(decay)
        self.warmup_steps = int(warmup_steps)

    def initial_state(self, groups: Groups) -> State:
        # The count stops at the end of the warm-up: a float32 is enough.
        return {
            "average": np.full((len(groups),), np.inf, "float32"),
            "count": np.zeros((len(groups),), "float32"),
        }

    def decide(self, measured: Measured, state: State) -> tuple[Tensor, State]:
        norms, average, count = measured.norms, state["average"], state["count"]
        relative = value_at(self.relative_threshold, measured.step)
        absolute = value_at(self.absolute_threshold, measured.step)

        joint = ops.sqrt(ops.sum(ops.square(norms)))
        in_warmup = norms * ops.where(joint > absolute, absolute / joint, 1.0)
        is_warm = count >= self.warmup_steps
        threshold = ops.where(is_warm, relative * average, in_warmup)

        clipped = ops.minimum(norms, threshold)
        smallest = ops.minimum(average, clipped)
        # While the average is inf it is not used: the count says warm-up.
        moved = self.decay * average + (1.0 - self.decay) * clipped
        new_average = ops.where(is_warm, moved, smallest)
        new_count = ops.minimum(count + 1.0, self.warmup_steps)
        return threshold, {
            "average": ops.where(measured.observed, new_average, average),
            "count": ops.where(measured.observed, new_count, count),
        }

    def get_config(self) -> dict[str, Any]:
        return {
            "relative_threshold": serialize(self.relative_threshold),
            "absolute_threshold": serialize(self.absolute_threshold),
            "decay": self.decay,
            "warmup_steps": self.warmup_steps,
            **super().get_config(),
        }
