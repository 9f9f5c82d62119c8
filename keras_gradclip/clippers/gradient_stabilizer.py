"""GradientStabilizer: keep a gradient's direction, replace its norm."""

from dataclasses import KW_ONLY
from typing import Annotated

import keras

from keras_gradclip._backend import ops
from keras_gradclip.clippers import base


@keras.saving.register_keras_serializable(package="keras_gradclip")
class GradientStabilizer(base.HistoryClipper):
    """Replaces each norm by a quick average over a slow root mean square.

    Use it in front of an optimizer that does not mind the gradient's size,
    as Adam, AdamW or Lion, where spikes are to be damped whatever their size
    and no threshold is to be chosen. Not with SGD unless its learning rate is
    tuned for it: norms come out near 1, whatever they were, so that a
    gradient that vanishes at the end of training no longer does. It is no
    threshold: every step is rescaled, up as well as down, and the share of
    clipped steps in the logs says nothing.

    Formula, with `n` the norm and both averages corrected for their start at 0:

        mean      = mean_decay * mean + (1 - mean_decay) * n
        square    = square_decay * square + (1 - square_decay) * n ** 2
        new norm  = mean / (sqrt(square) + epsilon)

    The first step comes out at 1. No spike comes out larger than
    `(1 - mean_decay) / sqrt(1 - square_decay)`, 12.65 with the defaults; the
    steps after it come out small until the slow average has forgotten it. A
    norm of 0 stays 0, and is not part of the averages.

    Args:
        mean_decay: Float in [0, 1). Of the quick average. Defaults to 0.6.
        square_decay: Float in [0, 1). Of the slow one. Defaults to 0.999.
        epsilon: Float above 0: norms far below it come out as they are, over
            `epsilon`. Defaults to 1e-12.
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
    optimizer = keras_gradclip.optimizers.AdamW(clipper=GradientStabilizer())
    ```

    References:
        - Huang et al., arXiv 2502.17055: version 4, "GradientStabilizer", of
          2026, whose settings these are. Versions 1 and 2, "Stable-SPAM",
          call it AdaGN and have 0.7 and 0.9.
    """

    mean_decay: Annotated[float, base.Range(at_least=0, below=1)] = 0.6
    square_decay: Annotated[float, base.Range(at_least=0, below=1)] = 0.999
    epsilon: Annotated[float, base.Range(above=0)] = 1e-12
    _: KW_ONLY
    scope: base.HistoryScope = "variable"

    def initial_state(self, groups: base.Groups) -> base.State:
        # The weights are what the averages are divided by: 1 - decay ** steps.
        names = ("mean", "mean_weight", "root", "square_weight")
        return {name: groups.full(0.0) for name in names}

    def decide(self, measured: base.Measured, state: base.State) -> base.Decision:
        norms = measured.norms
        mean, mean_weight = _moved(
            state["mean"], state["mean_weight"], norms, self.mean_decay
        )
        # The root is kept: the square of a norm of 1e-20 would be 0.
        largest = ops.maximum(norms, state["root"])
        largest = ops.where(largest > 0, largest, 1.0)
        square, square_weight = _moved(
            ops.square(state["root"] / largest),
            state["square_weight"],
            ops.square(norms / largest),
            self.square_decay,
        )
        root = largest * ops.sqrt(square)
        corrected = root / ops.sqrt(square_weight)
        target = mean / mean_weight / (corrected + self.epsilon)
        return target, {
            "mean": mean,
            "mean_weight": mean_weight,
            "root": root,
            "square_weight": square_weight,
        }

    def scales(
        self, norms: base.Tensor, thresholds: base.Tensor, finite: base.Tensor
    ) -> base.Tensor:
        replaced = ops.logical_and(finite, norms > 0)
        numerators = ops.where(replaced, thresholds, self.untouched(finite))
        return numerators / ops.where(replaced, norms, 1.0)


def _moved(
    average: base.Tensor, weight: base.Tensor, value: base.Tensor, decay: float
) -> tuple[base.Tensor, base.Tensor]:
    """Returns an average with one more value, and what to divide it by."""
    moved = decay * average + (1.0 - decay) * value
    return moved, decay * weight + (1.0 - decay)
