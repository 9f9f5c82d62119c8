"""The base class of rules that learn their threshold from past norms."""

from dataclasses import KW_ONLY
from typing import Literal, TypeAlias

from keras_gradclip.clippers.norm_clipper import NormClipper

HistoryScope: TypeAlias = Literal["global", "layer", "variable"]


class HistoryClipper(NormClipper):
    """A `NormClipper` with a memory: one history for each group.

    A rule is its `initial_state` and its `decide`. Its arguments are
    annotated fields; in `decide` each of them is a number, also where a
    schedule was given. Where a group's norm is NaN, inf or 0, its state stays
    as it was: that is seen to in the base class.

    ```python
    from keras_gradclip.clippers import base

    @keras.saving.register_keras_serializable(package="my_package")
    class ClipToMean(base.HistoryClipper):
        \"\"\"Clips to a multiple of the mean of all norms so far.\"\"\"

        factor: Annotated[base.Hyperparameter, base.Range(above=0)] = 1.0

        def initial_state(self, groups):
            return {"sum": groups.full(0.0), "count": groups.full(0.0)}

        def decide(self, measured, state):
            total = state["sum"] + measured.norms
            count = state["count"] + 1.0
            return self.factor * total / count, {"sum": total, "count": count}
    ```

    Args:
        scope: `"global"`, `"layer"` or `"variable"`. Defaults to
            `"global"`.
        include: Which variables take part; see `GroupedClipper`.
        exclude: Which of those do not.
        on_nonfinite: `"zero"`, `"skip"` or `"propagate"`.
        observe_only: Whether to measure only, and change nothing.
    """

    _: KW_ONLY
    scope: HistoryScope = "global"
