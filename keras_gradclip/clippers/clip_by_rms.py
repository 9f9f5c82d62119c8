"""The fixed bound on the root mean square of each tensor."""

from dataclasses import KW_ONLY
from typing import Annotated

import keras

from keras_gradclip._backend import ops
from keras_gradclip.clippers import base


@keras.saving.register_keras_serializable(package="keras_gradclip")
class ClipByRMS(base.NormClipper):
    """Scales each group so that its elements' root mean square is bounded.

    Use it for one bound that means the same in small and large variables: the
    norm of a matrix grows with the root of its size, its root mean square does
    not. Not where the bound is unknown or drifts; there take an adaptive rule
    such as `AdaGC`. Adafactor bounds its updates so, not its gradients: Keras's
    has `clip_threshold` for that.

    Formula, with `rms(g)` the root of the mean of the squares:

        g * min(1, max_rms / rms(g))

    At scope `"variable"` it equals `clip_by_block_rms` of optax.

    Args:
        max_rms: Float above 0, or a `LearningRateSchedule`. Defaults to 1.0.
        scope: `"global"`, `"layer"` or `"variable"`. Defaults to
            `"variable"`.
        include: Which variables take part; see `GroupedClipper`.
        exclude: Which of those do not.
        on_nonfinite: `"zero"`, `"skip"` or `"propagate"`.
        observe_only: Whether to measure only, and change nothing.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    optimizer = keras_gradclip.optimizers.Adam(clipper=ClipByRMS(1.0))
    ```

    References:
        - Shazeer and Stern, "Adafactor: Adaptive Learning Rates with Sublinear
          Memory Cost", 2018, arXiv 1804.04235, of the update.
    """

    max_rms: Annotated[base.Hyperparameter, base.Range(above=0)] = 1.0
    _: KW_ONLY
    scope: base.HistoryScope = "variable"

    def decide(self, measured: base.Measured, state: base.State) -> base.Decision:
        sizes = ops.convert_to_tensor(measured.sizes(), "float32")
        return self.max_rms * ops.sqrt(sizes), state
