"""QuantileClip: a threshold that walks towards a quantile of the norms."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_gradclip.clippers.clipper import Clipper
from keras_gradclip.clippers.hyperparameter import (
    Hyperparameter,
    check_number,
    number_or_schedule,
    serialize,
    value_at,
)
from keras_gradclip.clippers.measured import Measured, State, Tensor
from keras_gradclip.groups import Groups


@keras.saving.register_keras_serializable(package="keras_gradclip")
class QuantileClip(Clipper):
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
        **kwargs: `include`, `exclude` and `on_nonfinite`; see `Clipper`.

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

    def __init__(
        self,
        quantile: Hyperparameter = 0.5,
        learning_rate: Hyperparameter = 0.2,
        initial_threshold: float = 1.0,
        scope: str = "global",
        **kwargs: Any,
    ):
        super().__init__(scope=scope, **kwargs)
        self.quantile = number_or_schedule("quantile", quantile, at_least=0, at_most=1)
        self.learning_rate = number_or_schedule("learning_rate", learning_rate, above=0)
        check_number("initial_threshold", initial_threshold, above=0)
        self.initial_threshold = float(initial_threshold)

    def initial_state(self, groups: Groups) -> State:
        start = np.full((len(groups),), self.initial_threshold, "float32")
        return {"threshold": start}

    def decide(self, measured: Measured, state: State) -> tuple[Tensor, State]:
        threshold = state["threshold"]
        quantile = value_at(self.quantile, measured.step)
        learning_rate = value_at(self.learning_rate, measured.step)
        below = ops.cast(measured.norms <= threshold, "float32")
        moved = threshold * ops.exp(-learning_rate * (below - quantile))
        # A threshold of 0 or inf could never move again.
        moved = ops.clip(moved, 1e-30, 1e30)
        return threshold, {"threshold": ops.where(measured.observed, moved, threshold)}

    def get_config(self) -> dict[str, Any]:
        return {
            "quantile": serialize(self.quantile),
            "learning_rate": serialize(self.learning_rate),
            "initial_threshold": self.initial_threshold,
            **super().get_config(),
        }
