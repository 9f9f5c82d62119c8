"""The fixed bound on each element."""

from collections.abc import Sequence
from dataclasses import KW_ONLY
from typing import Annotated, Any

import keras

from keras_gradclip._backend import ops
from keras_gradclip._math.bounded import Bounded
from keras_gradclip._math.sparse import as_tensors
from keras_gradclip.clippers import base


@keras.saving.register_keras_serializable(package="keras_gradclip")
class ClipByValue(base.GroupedClipper):
    """Moves each element of the gradient into `[-value, value]`.

    Use it to repeat a result that was obtained with it. It changes the
    gradient's direction, which no other rule here does, and its bound
    depends on the size of the model; prefer a rule on norms.

    Formula: `min(max(g, -value), value)`, element by element.

    Each element has its own bound, so the scope only says how the effect is
    recorded: the norm of each group before, its norm after as the
    threshold, and the ratio of the two as the scale.

    Args:
        value: Float above 0, or a `LearningRateSchedule`. The largest
            absolute value of an element.
        scope: `"global"`, `"layer"` or `"variable"`. Defaults to
            `"global"`.
        include: Which variables take part; see `GroupedClipper`.
        exclude: Which of those do not.
        on_nonfinite: `"zero"`, `"skip"` or `"propagate"`.
        observe_only: Whether to measure only, and change nothing.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    optimizer = keras_gradclip.optimizers.SGD(clipper=ClipByValue(0.5))
    ```
    """

    value: Annotated[base.Hyperparameter, base.Range(above=0)] = 1.0
    _: KW_ONLY
    scope: base.HistoryScope = "global"

    def clip(
        self,
        gradients: Sequence[Any],
        state: base.State,
        weights: Sequence[Any],
        step: Any,
        groups: base.Groups,
    ) -> tuple[list[Any], base.State, base.Record]:
        rule, _ = self.begin(step, state)
        bounded = Bounded(as_tensors(gradients), rule.value, groups)
        finite = ops.isfinite(bounded.whole)
        if self.on_nonfinite == "propagate":
            clipped = bounded.unless_broken(finite)
            dropped = bounded.whole
        else:
            clipped = bounded.or_zeros(finite)
            dropped = ops.zeros_like(bounded.whole)
        effect = bounded.effect(finite, self.untouched(finite))
        after = ops.where(finite, bounded.whole_after, dropped)
        record = base.Record(
            *effect, whole=bounded.whole, whole_after=after, finite=finite
        )
        return clipped, {}, record
