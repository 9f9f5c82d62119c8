"""The bound on the norm without a kink: smaller the nearer, never reached."""

from typing import Annotated

import keras

from keras_gradclip._backend import ops
from keras_gradclip.clippers import base


@keras.saving.register_keras_serializable(package="keras_gradclip")
class SoftClip(base.NormClipper):
    """Scales every norm down smoothly, so that all stay below a bound.

    Use it in place of `ClipByNorm` where the kink at its threshold does harm:
    with `ClipByNorm` all gradients above the bound come out with one norm,
    here the larger one still does. Not to cut off rare spikes and leave the
    rest alone: it changes every step, a little far below the bound and by
    `2 ** (-1 / sharpness)` at it. The bound depends on the model, as any
    fixed one does.

    Formula, for the norm `n`:

        scale = 1 / (1 + (n / max_norm) ** sharpness) ** (1 / sharpness)

    With `sharpness=1` it is `max_norm / (max_norm + n)`, with 2
    `max_norm / sqrt(max_norm ** 2 + n ** 2)`, and the larger it is the nearer
    to `ClipByNorm`.

    Args:
        max_norm: Float above 0, or a `LearningRateSchedule`: what the norm
            stays below. Defaults to 1.0.
        sharpness: Float of at least 1, or a `LearningRateSchedule`. Defaults
            to 2.0.
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
    optimizer = keras_gradclip.optimizers.SGD(clipper=SoftClip(1.0))
    ```
    """

    max_norm: Annotated[base.Hyperparameter, base.Range(above=0)] = 1.0
    sharpness: Annotated[base.Hyperparameter, base.Range(at_least=1)] = 2.0

    def decide(self, measured: base.Measured, state: base.State) -> base.Decision:
        return self.max_norm, state

    def scales(
        self, norms: base.Tensor, thresholds: base.Tensor, finite: base.Tensor
    ) -> base.Tensor:
        # The smaller over the larger of the two: no power can overflow.
        larger = ops.maximum(norms, thresholds)
        there = ops.logical_and(finite, larger > 0)
        larger = ops.where(there, larger, 1.0)
        ratio = ops.where(there, ops.minimum(norms, thresholds), 0.0) / larger
        bend = ops.power(1.0 + ops.power(ratio, self.sharpness), 1.0 / self.sharpness)
        hard = ops.where(norms > thresholds, thresholds, larger)
        return ops.where(there, hard, self.untouched(finite)) / (larger * bend)
