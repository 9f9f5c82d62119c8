"""The fixed bound on the norm: the yardstick of every adaptive rule."""

from typing import Annotated

import keras

from keras_gradclip.clippers import base


@keras.saving.register_keras_serializable(package="keras_gradclip")
class ClipByNorm(base.NormClipper):
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
            norm that passes unscaled. With inf nothing is clipped, only
            recorded.
        scope: `"global"`, `"layer"`, `"variable"` or `"unit"`. Defaults to
            `"global"`.
        include: Which variables take part; see `GroupedClipper`.
        exclude: Which of those do not.
        on_nonfinite: `"zero"`, `"skip"` or `"propagate"`.
        observe_only: Whether to measure only, and change nothing.

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

    max_norm: Annotated[base.Hyperparameter, base.Range(above=0, infinite=True)] = 1.0

    def decide(self, measured: base.Measured, state: base.State) -> base.Decision:
        return self.max_norm, state
