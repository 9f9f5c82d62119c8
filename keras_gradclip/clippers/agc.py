"""AGC: clip gradients relative to the weights that they change."""

from dataclasses import KW_ONLY
from typing import Annotated

import keras

from keras_gradclip._backend import ops
from keras_gradclip.clippers import base


@keras.saving.register_keras_serializable(package="keras_gradclip")
class AGC(base.NormClipper):
    """Clips each unit's gradient relative to the norm of its weights.

    Use it for large batches and learning rates, above all in networks
    without normalization layers; `exclude` the last linear layer, as the
    paper does. It has no history, hence no warm-up. The default factor is for
    SGD. With Adam and its kin it can ruin training (ViT-B with AdamW: 38.5 %
    against 79.3 %, arXiv 2502.17055v4); try 0.1 to 0.3 there. Not beside weight
    decay that is coupled into the gradient, as an L2 regularizer is: it shrinks
    the weights, and with them the threshold.

    Formula, for each output unit:
    `threshold = clip_factor * max(norm(weights), epsilon)`.

    A unit is one output of a layer: a column of a Dense kernel, a filter of
    a convolution, a row of an embedding, a whole bias. Which axes that means
    is taken from the layers by `ClippedModel`, or from `unit_axes`, else
    from each variable's name and rank. At scope `"variable"` the norms are
    those of whole tensors, as in DreamerV3 (there with 0.3).

    Args:
        clip_factor: Float above 0, or a `LearningRateSchedule`. Defaults to
            0.01.
        epsilon: Float above 0. The norm that weights count as at least, so
            that zero-initialized ones can leave zero. Defaults to 1e-3.
        scope: `"unit"`, `"variable"`, `"layer"` or `"global"`. Defaults to
            `"unit"`.
        include: Which variables take part; see `GroupedClipper`.
        exclude: Which of those do not.
        on_nonfinite: `"zero"`, `"skip"` or `"propagate"`.
        observe_only: Whether to measure only, and change nothing.
        unit_axes: A dict from a variable's path, or a regular expression
            on it, to the axes that are summed over in the norm of one unit;
            `unit_axes_of(model)` makes one. Defaults to `None`.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    clipper = AGC(0.01, exclude="predictions", unit_axes=unit_axes_of(model))
    model.compile(keras_gradclip.optimizers.SGD(0.1, clipper=clipper), "mse")
    ```

    References:
        - Brock, De, Smith and Simonyan, "High-Performance Large-Scale Image
          Recognition Without Normalization", 2021, arXiv 2102.06171.
        - Hafner, Pasukonis, Ba and Lillicrap, "Mastering Diverse Domains
          through World Models", 2023, arXiv 2301.04104.
    """

    clip_factor: Annotated[base.Hyperparameter, base.Range(above=0)] = 0.01
    epsilon: Annotated[float, base.Range(above=0)] = 1e-3
    _: KW_ONLY
    scope: base.Scope = "unit"
    unit_axes: base.UnitAxes = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.unit_axes is not None and self.scope != "unit":
            raise ValueError(
                '`unit_axes` may be given at scope "unit" only. '
                f"Received: unit_axes={self.unit_axes!r}, scope={self.scope!r}"
            )

    def decide(self, measured: base.Measured, state: base.State) -> base.Decision:
        weight_norms = ops.maximum(measured.weight_norms(), self.epsilon)
        return self.clip_factor * weight_norms, state
