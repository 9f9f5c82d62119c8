"""The fixed bound on each element."""

from collections.abc import Sequence
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
from keras_gradclip.clippers.measured import Record, State
from keras_gradclip.clippers.units import Effect
from keras_gradclip.groups import Groups
from keras_gradclip.norms import all_finite, sums_of_squares
from keras_gradclip.scaling import scale_gradients
from keras_gradclip.sparse import as_rows, keep_first, sum_duplicates


@keras.saving.register_keras_serializable(package="keras_gradclip")
class ClipByValue(Clipper):
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
        **kwargs: `include`, `exclude` and `on_nonfinite`; see `Clipper`.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    optimizer = keras_gradclip.optimizers.SGD(clipper=ClipByValue(0.5))
    ```
    """

    def __init__(self, value: Hyperparameter, scope: str = "global", **kwargs: Any):
        super().__init__(scope=scope, **kwargs)
        self.value = number_or_schedule("value", value, above=0)

    def clip(
        self,
        gradients: Sequence[Any],
        weights: Sequence[Any],
        state: State,
        step: Any,
        groups: Groups,
    ) -> tuple[list[Any], State, Record]:
        before = sums_of_squares(gradients)
        finite = all_finite(before)
        bound = ops.cast(value_at(self.value, step), "float32")
        bounded = list(gradients)
        after, lost = {}, {}
        for i, gradient in enumerate(gradients):
            if gradient is not None and groups.group_of[i] is not None:
                bounded[i], after[i], lost[i] = _clip_elements(gradient, bound)
        untouched = self.untouched(finite)
        effect = Effect(before, groups.variable_sums(after), groups.variable_sums(lost))
        record = effect.record(groups, finite, untouched)
        # A clipped inf is finite: a broken step starts from the original.
        if self.on_nonfinite == "propagate":
            bounded = _choose(finite, bounded, gradients)
        clipped = scale_gradients(bounded, [untouched] * len(bounded))
        return clipped, state, record

    def get_config(self) -> dict[str, Any]:
        return {"value": serialize(self.value), **super().get_config()}


def _clip_elements(gradient: Any, bound: Any) -> tuple[Any, Any, Any]:
    """Returns a bounded gradient, its sum of squares and what was cut off."""
    rows = as_rows(gradient)
    if rows is None:
        values, slots = gradient, None
    else:
        # The bound holds for the sum of the rows that share an index.
        values, slots = sum_duplicates(rows)
    # In float32 the bound is exact; a bound below float16's range would
    # become 0 there.
    wide = ops.cast(values, "float32") if _is_half(values) else values
    bound = ops.cast(bound, ops.dtype(wide))
    clipped = ops.minimum(ops.maximum(wide, -bound), bound)
    after = ops.sum(ops.square(ops.cast(clipped, "float32")))
    lost = ops.sum(ops.cast(ops.abs(wide - clipped), "float32"))
    if rows is not None:
        dtype = ops.dtype(rows.values)
        return rows.rebuild(ops.cast(keep_first(clipped, slots), dtype)), after, lost
    return ops.cast(clipped, ops.dtype(gradient)), after, lost


def _is_half(tensor: Any) -> bool:
    return ops.dtype(tensor) in ("float16", "bfloat16")


def _choose(condition: Any, first: Sequence[Any], second: Sequence[Any]) -> list[Any]:
    """Selects between two lists of gradients of the same structure."""
    chosen: list[Any] = []
    for a, b in zip(first, second):
        rows = as_rows(a) if a is not None else None
        if a is None:
            chosen.append(None)
        elif rows is None:
            chosen.append(ops.where(condition, a, b))
        else:
            other = as_rows(b)
            assert other is not None
            values = ops.where(condition, rows.values, other.values)
            chosen.append(rows.rebuild(values))
    return chosen
