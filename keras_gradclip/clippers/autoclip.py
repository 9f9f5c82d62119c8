"""AutoClip: clip to a percentile of the norms seen so far."""

from typing import Annotated
from warnings import warn

import keras

from keras_gradclip._math.quantiles import History, WholeHistory, WindowHistory
from keras_gradclip.clippers import base
from keras_gradclip.clippers.arguments import is_schedule


@keras.saving.register_keras_serializable(package="keras_gradclip")
class AutoClip(base.HistoryClipper):
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
            to 10. One between 0 and 1 warns: it is most often meant as a share.
        window: Int of at least 1: how many of the last norms count, exactly.
            Or `None`: all of them, in constant memory, with a threshold that
            is never below the exact one and at most 1 % above it for norms
            from 1e-10 to 1e10. Defaults to `None`. The memory is 4 or 8
            bytes times `2 * window`, or about 4,600, for each group.
        scope: `"global"`, `"layer"` or `"variable"`. Defaults to
            `"global"`, as in the paper.
        include: Which variables take part; see `GroupedClipper`.
        exclude: Which of those do not.
        on_nonfinite: `"zero"`, `"skip"` or `"propagate"`.
        observe_only: Whether to measure only, and change nothing.

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

    percentile: Annotated[
        base.Hyperparameter, base.Range(at_least=0, at_most=100, exact=True)
    ] = 10.0
    window: Annotated[int | None, base.Count(at_least=1, fixed=True)] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not is_schedule(self.percentile) and 0 < self.percentile < 1:
            warn(
                "`percentile` is one of 0 to 100, not a share of 0 to 1. "
                f"Received: percentile={self.percentile}",
                stacklevel=3,
            )
        self._history: History = (
            WholeHistory() if self.window is None else WindowHistory(self.window)
        )

    def initial_state(self, groups: base.Groups) -> base.State:
        return self._history.initial_state(len(groups))

    def decide(self, measured: base.Measured, state: base.State) -> base.Decision:
        state = self._history.add(state, measured.norms, measured.observed)
        threshold = self._history.percentile(state, self.percentile)
        return threshold, base.Kept(state)
