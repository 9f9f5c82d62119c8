"""AutoClip: clip to a percentile of the norms seen so far."""

from typing import Any

import keras
from keras import ops

from keras_gradclip.clippers.clipper import Clipper
from keras_gradclip.clippers.hyperparameter import (
    Hyperparameter,
    check_count,
    number_or_schedule,
    serialize,
    value_at,
)
from keras_gradclip.clippers.measured import Measured, State, Tensor
from keras_gradclip.groups import Groups
from keras_gradclip.quantiles import History, WholeHistory, WindowHistory


@keras.saving.register_keras_serializable(package="keras_gradclip")
class AutoClip(Clipper):
    """Clips to a percentile of the norms so far, the current one included.

    Use it first: it has one parameter, which is free of scale, and the
    paper's value of 10 held across losses and models. Where norms drift by
    orders of magnitude, as in reinforcement learning, give it a `window`,
    or the early norms will rule for long. With `percentile=10` nine steps
    in ten are scaled down: that is the rule's intent (it normalizes most
    steps), not a fault; for a bound that only cuts off spikes take 90 or
    more, or `ZClip`.

    Formula: `threshold = percentile(norms[0..t], p)`, with linear
    interpolation as in `numpy.percentile`.

    The first step is never clipped, and `percentile=100` never clips. Norms
    of 0 and norms of steps with a NaN or inf are not part of the history.

    Args:
        percentile: Float in [0, 100], or a `LearningRateSchedule`. Defaults
            to 10.
        window: Int of at least 1: how many of the last norms count, exactly.
            Or `None`: all of them, in constant memory, with a threshold that
            is never below the exact one and at most 1 % above it for norms
            from 1e-10 to 1e10. Defaults to `None`. The memory is 4 or 8
            bytes times `2 * window`, or about 4,600, for each group.
        scope: `"global"`, `"layer"` or `"variable"`. Defaults to
            `"global"`, as in the paper.
        **kwargs: `include`, `exclude` and `on_nonfinite`; see `Clipper`.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    optimizer = keras_gradclip.optimizers.Adam(clipper=AutoClip(percentile=10))
    ```

    References:
        - Seetharaman, Wichern, Pardo and Le Roux, "AutoClip: Adaptive
          Gradient Clipping for Source Separation Networks", 2020,
          arXiv 2007.14469.
    """

    def __init__(
        self,
        percentile: Hyperparameter = 10.0,
        window: int | None = None,
        scope: str = "global",
        **kwargs: Any,
    ):
        super().__init__(scope=scope, **kwargs)
        self.percentile = number_or_schedule(
            "percentile", percentile, at_least=0, at_most=100
        )
        if window is not None:
            check_count("window", window, at_least=1)
        self.window = window
        self._history: History = (
            WholeHistory() if window is None else WindowHistory(window)
        )

    def initial_state(self, groups: Groups) -> State:
        return self._history.initial_state(len(groups))

    def decide(self, measured: Measured, state: State) -> tuple[Tensor, State]:
        state = self._history.add(state, measured.norms, measured.observed)
        q = value_at(self.percentile, measured.step) / 100.0
        if not isinstance(q, float):
            q = ops.clip(q, 0.0, 1.0)  # a schedule may leave the range
        return self._history.quantile(state, q), state

    def get_config(self) -> dict[str, Any]:
        return {
            "percentile": serialize(self.percentile),
            "window": self.window,
            **super().get_config(),
        }
