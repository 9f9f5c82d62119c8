"""AdaGC: clip each tensor relative to its own recent norms."""

from dataclasses import KW_ONLY
from typing import Annotated

import keras

from keras_gradclip._backend import ops
from keras_gradclip.clippers import base


@keras.saving.register_keras_serializable(package="keras_gradclip")
class AdaGC(base.HistoryClipper):
    """Clips to slightly above a running average of the norms after clipping.

    Use it for the pre-training of large models, where single tensors spike
    while the global norm looks calm. Not for norms that rise, as in
    reinforcement learning: the average starts at the smallest norm of the
    warm-up and, with the defaults, grows by at most 0.04 % per step, so that
    doubling takes 1,733 steps.

    Formula, with `average` the running average of each group:

        threshold = relative_threshold * average
        average   = decay * average + (1 - decay) * norm after clipping

    For the first `warmup_steps` all groups are scaled together so that
    their joint norm is at most `absolute_threshold`, and `average` is the
    smallest norm after that.

    Args:
        relative_threshold: Float of at least 1, or a
            `LearningRateSchedule`. Defaults to 1.04.
        absolute_threshold: Float above 0, or a `LearningRateSchedule`. The
            bound on the joint norm during the warm-up. Defaults to 1.0.
        decay: Float in [0, 1). Defaults to 0.99.
        warmup_steps: Int of at least 1. Defaults to 100.
        scope: `"global"`, `"layer"` or `"variable"`. Defaults to
            `"variable"`, as in the paper.
        include: Which variables take part; see `GroupedClipper`.
        exclude: Which of those do not.
        on_nonfinite: `"zero"`, `"skip"` or `"propagate"`.
        observe_only: Whether to measure only, and change nothing.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    optimizer = keras_gradclip.optimizers.AdamW(clipper=AdaGC())
    ```

    References:
        - Wang et al., "AdaGC: Enhancing LLM Pretraining Stability via
          Adaptive Gradient Clipping", 2025, arXiv 2502.11034; the defaults
          are those of its last version.
    """

    relative_threshold: Annotated[base.Hyperparameter, base.Range(at_least=1)] = 1.04
    absolute_threshold: Annotated[base.Hyperparameter, base.Range(above=0)] = 1.0
    decay: Annotated[float, base.Range(at_least=0, below=1)] = 0.99
    warmup_steps: Annotated[int, base.Count(at_least=1)] = 100
    _: KW_ONLY
    scope: base.HistoryScope = "variable"

    def initial_state(self, groups: base.Groups) -> base.State:
        # The count stops at the end of the warm-up: a float32 is enough.
        return {"average": groups.full(0.0), "count": groups.full(0.0)}

    def decide(self, measured: base.Measured, state: base.State) -> base.Decision:
        norms, average, count = measured.norms, state["average"], state["count"]
        joint = ops.sqrt(ops.sum(ops.square(norms)))
        absolute = self.absolute_threshold
        exceeds = joint > absolute
        factor = ops.where(exceeds, absolute, 1.0) / ops.where(exceeds, joint, 1.0)
        in_warmup = norms * factor
        is_warm = count >= self.warmup_steps
        threshold = ops.where(is_warm, self.relative_threshold * average, in_warmup)

        clipped = ops.minimum(norms, threshold)
        moved = self.decay * average + (1.0 - self.decay) * clipped
        smallest = ops.where(count > 0, ops.minimum(average, clipped), clipped)
        return threshold, {
            "average": ops.where(is_warm, moved, smallest),
            "count": ops.minimum(count + 1.0, self.warmup_steps),
        }
