"""The fixed bound on the norm: the yardstick of every adaptive rule."""

from typing import Any

import keras
from keras import ops

from keras_gradclip.clippers.clipper import Clipper
from keras_gradclip.clippers.hyperparameter import (
    Hyperparameter,
    number_or_schedule,
    serialize,
    value_at,
)
from keras_gradclip.clippers.measured import Measured, State, Tensor


@keras.saving.register_keras_serializable(package="keras_gradclip")
class ClipByNorm(Clipper):
    """Scales each group's gradient so that its norm is at most `max_norm`.

    Use it when you know the bound: from a paper, or from a plot of the norms
    that another clipper recorded. The right bound depends on model, loss
    and batch size; where it is unknown or drifts, take an adaptive rule.

    Formula: `g * min(1, max_norm / norm(g))`.

    At scope `"global"` it equals `global_clipnorm` of Keras and
    `clip_by_global_norm` of optax, at scope `"variable"` it equals
    `clipnorm` of Keras; unlike these it is right on several replicas, for
    float16 gradients and for sparse ones.

    Args:
        max_norm: Float above 0, or a `LearningRateSchedule`. The largest
            norm that passes unscaled.
        scope: `"global"`, `"layer"`, `"variable"` or `"unit"`. Defaults to
            `"global"`.
        **kwargs: `include`, `exclude` and `on_nonfinite`; see `Clipper`.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    optimizer = keras_gradclip.optimizers.Adam(clipper=ClipByNorm(1.0))
    ```

    References:
        - Pascanu, Mikolov and Bengio, "On the difficulty of training
          recurrent neural networks", 2013, arXiv 1211.5063.
    """

    scopes = ("global", "layer", "variable", "unit")

    def __init__(self, max_norm: Hyperparameter, scope: str = "global", **kwargs: Any):
        super().__init__(scope=scope, **kwargs)
        self.max_norm = number_or_schedule("max_norm", max_norm, above=0)

    def decide(self, measured: Measured, state: State) -> tuple[Tensor, State]:
        max_norm = ops.cast(value_at(self.max_norm, measured.step), "float32")
        return max_norm * ops.ones_like(measured.norms), state

    def get_config(self) -> dict[str, Any]:
        return {"max_norm": serialize(self.max_norm), **super().get_config()}
