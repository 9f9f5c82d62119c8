"""QuantileClip: a threshold that walks towards a quantile of the norms."""

from typing import Annotated

import keras

from keras_gradclip._backend import ops
from keras_gradclip.clippers import base


@keras.saving.register_keras_serializable(package="keras_gradclip")
class QuantileClip(base.HistoryClipper):
    """Tracks a quantile of the norms with one number per group.

    Use it for the smallest memory and a threshold that follows drifting
    norms. It knows no past but the threshold itself, so it moves by at most
    a factor of `exp(learning_rate)` per step; choose `initial_threshold`
    too large rather than too small, since what lies above it is clipped
    until it has caught up. With a large `learning_rate` it jitters, by 10 %
    per step at 0.2; for a steady estimate take 0.01 to 0.05.

    Formula: the threshold in force clips the current step, then moves:

        below     = 1 if norm <= threshold else 0
        threshold = threshold * exp(-learning_rate * (below - quantile))

    Args:
        quantile: Float in [0, 1], or a `LearningRateSchedule`: the share of
            norms to leave unclipped. Defaults to 0.5.
        learning_rate: Float above 0, or a `LearningRateSchedule`. Defaults
            to 0.2.
        initial_threshold: Float above 0. Defaults to 1.0.
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
    clipper = QuantileClip(quantile=0.9, learning_rate=0.05)
    optimizer = keras_gradclip.optimizers.SGD(clipper=clipper)
    ```

    References:
        - Andrew, Thakkar, McMahan and Ramaswamy, "Differentially Private
          Learning with Adaptive Clipping", 2021, arXiv 1905.03871; here
          without noise, and with one norm per step.
    """

    quantile: Annotated[base.Hyperparameter, base.Range(at_least=0, at_most=1)] = 0.5
    learning_rate: Annotated[base.Hyperparameter, base.Range(above=0)] = 0.2
    initial_threshold: Annotated[float, base.Range(above=0)] = 1.0

    def initial_state(self, groups: base.Groups) -> base.State:
        return {"threshold": groups.full(0.0)}

    def decide(self, measured: base.Measured, state: base.State) -> base.Decision:
        threshold = state["threshold"]
        threshold = ops.where(threshold > 0, threshold, self.initial_threshold)
        below = ops.cast(measured.norms <= threshold, "float32")
        moved = threshold * ops.exp(-self.learning_rate * (below - self.quantile))
        # A threshold of 0 or inf could never move again.
        return threshold, {"threshold": ops.clip(moved, 1e-30, 1e30)}
