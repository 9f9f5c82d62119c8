"""EMAClip: what exceeds a slow average by far is cut down to a quick one."""

from typing import Annotated

import keras

from keras_gradclip._backend import ops
from keras_gradclip.clippers import base


@keras.saving.register_keras_serializable(package="keras_gradclip")
class EMAClip(base.HistoryClipper):
    """Clips norms far above their running average down to just above it.

    Use it where norms rise or fall in the course of training, as in
    reinforcement learning and in models of physics: its averages follow
    within some tens of steps, and what is no spike is left alone. Not where
    most steps are meant to be scaled down; that is what `AutoClip` does. A
    lasting jump of the norms by more than `trigger_ratio` is clipped until
    the slow average has caught up, at about `1 - trigger_decay` per step.

    Formula, with `slow` and `quick` the averages of the norms after clipping,
    with `trigger_decay` and `target_decay`, corrected for their start at 0:

        threshold = target_ratio * quick    if norm > trigger_ratio * slow
                    trigger_ratio * slow    otherwise: it is not reached

    The first norm has no average before it: it is cut down to `first_norm`
    if it is above `first_trigger`, which leaves all but an explosion alone.

    Args:
        trigger_ratio: Float above 0, or a `LearningRateSchedule`: how many
            times the slow average a norm must be to be clipped. Defaults to
            2.0.
        target_ratio: Float above 0, or a `LearningRateSchedule`: how many
            times the quick average it is then cut down to. Defaults to 1.1.
        trigger_decay: Float in [0, 1): of the slow average. Defaults to 0.99.
        target_decay: Float in [0, 1): of the quick one. Defaults to 0.9.
        first_trigger: Float above 0. Defaults to 1e4.
        first_norm: Float above 0. Defaults to 1.0.
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
    optimizer = keras_gradclip.optimizers.AdamW(clipper=EMAClip())
    ```

    References:
        - Holzschuh, Liu, Kohl and Thuerey, "PDE-Transformer: Efficient and
          Versatile Transformers for Physics Simulations", 2025,
          arXiv 2505.24717; the rule is in the authors' code.
    """

    trigger_ratio: Annotated[base.Hyperparameter, base.Range(above=0)] = 2.0
    target_ratio: Annotated[base.Hyperparameter, base.Range(above=0)] = 1.1
    trigger_decay: Annotated[float, base.Range(at_least=0, below=1)] = 0.99
    target_decay: Annotated[float, base.Range(at_least=0, below=1)] = 0.9
    first_trigger: Annotated[float, base.Range(above=0)] = 1e4
    first_norm: Annotated[float, base.Range(above=0)] = 1.0

    def initial_state(self, groups: base.Groups) -> base.State:
        # The weights are what the averages are divided by: 1 - decay ** steps.
        names = ("slow", "slow_weight", "quick", "quick_weight")
        return {name: groups.full(0.0) for name in names}

    def decide(self, measured: base.Measured, state: base.State) -> base.Decision:
        norms, is_first = measured.norms, state["slow_weight"] == 0
        slow = state["slow"] / ops.where(is_first, 1.0, state["slow_weight"])
        quick = state["quick"] / ops.where(is_first, 1.0, state["quick_weight"])
        trigger = ops.where(is_first, self.first_trigger, self.trigger_ratio * slow)
        target = ops.where(is_first, self.first_norm, self.target_ratio * quick)
        threshold = ops.where(norms > trigger, target, trigger)

        clipped = ops.minimum(norms, threshold)
        new = {}
        for name, decay in (("slow", self.trigger_decay), ("quick", self.target_decay)):
            weight = f"{name}_weight"
            new[name] = decay * state[name] + (1.0 - decay) * clipped
            new[weight] = decay * state[weight] + (1.0 - decay)
        return threshold, new
