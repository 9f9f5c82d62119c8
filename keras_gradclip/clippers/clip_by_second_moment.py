"""A bound on each element: a multiple of its own root mean square."""

from collections.abc import Sequence
from dataclasses import KW_ONLY
from typing import Annotated, Any

import keras
import numpy as np

from keras_gradclip._backend import ops
from keras_gradclip._math.one_by_one import OneByOne
from keras_gradclip.clippers import base


@keras.saving.register_keras_serializable(package="keras_gradclip")
class ClipBySecondMoment(base.GroupedClipper):
    """Moves each element to at most so many times its own root mean square.

    Use it where single elements spike and the norm hardly shows it, and where
    elements differ by orders of magnitude, in front of an optimizer that
    treats each for itself, such as Adam or AdamW. With `factor=3` it is the
    clipping of AdamWClip, for the usual noise; with `factor=70.7`, the root of
    5000, that of SPAM, for true spikes alone. Not for the embeddings of rare
    tokens (`exclude="embedding"`): their mean square fades while they are
    absent, and then they are cut down; and not where the direction of the
    gradient is to be kept. It needs as much memory as the weights: it keeps
    mean squares of its own, since a clipper does not see the optimizer's.

    Formula, for each element `g`, with the mean of the squares before it,
    corrected for its start at 0:

        bound  = factor * sqrt(square)
        g      = min(max(g, -bound), bound)
        square = decay * square + (1 - decay) * g ** 2

    What was clipped enters the mean, so that a spike does not raise its own
    bound; a lasting rise of an element still does, by degrees. In the first
    `warmup_steps` there is no bound, and there is none for an element that was
    0 so far. A variable whose gradient is 0 as a whole, and steps with a NaN
    or inf, leave the mean as it is. A sparse gradient becomes a dense one.

    Each element has its own bound, so the scope only says how the effect is
    recorded, as for `ClipByValue`.

    Args:
        factor: Float above 0, or a `LearningRateSchedule`; ADOPT's, for one,
            grows with the fourth root of the step. Defaults to 3.0.
        decay: Float in [0, 1). Defaults to 0.999.
        warmup_steps: Int of at least 1. Defaults to 10. AdamWClip has 0, and
            moves all of the first gradient to within 1e-10; SPAM has 20.
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
    clipper = ClipBySecondMoment(70.7, warmup_steps=20, exclude="embedding")
    optimizer = keras_gradclip.optimizers.Adam(clipper=clipper)
    ```

    References:
        - Huang et al., "SPAM: Spike-Aware Adam with Momentum Reset for Stable
          LLM Training", 2025, arXiv 2501.06842, which does not correct the
          mean for its start and so clips more in the first thousand steps.
        - The package AdamWClip, version 0.1.4.
    """

    factor: Annotated[base.Hyperparameter, base.Range(above=0)] = 3.0
    decay: Annotated[float, base.Range(at_least=0, below=1)] = 0.999
    warmup_steps: Annotated[int, base.Count(at_least=1)] = 10
    _: KW_ONLY
    scope: base.HistoryScope = "global"

    def initial_state(self, groups: base.Groups) -> base.State:
        squares = {
            _square(i): np.zeros(shape, "float32")
            for i, shape in enumerate(groups.shapes)
            if groups.group_of[i] is not None
        }
        # One of each for each variable. The weight is what a mean is divided
        # by: 1 - decay ** steps.
        of_each = np.zeros(len(groups.shapes), "float32")
        return squares | {"count": of_each, "weight": of_each.copy()}

    def clip(
        self,
        gradients: Sequence[Any],
        state: base.State,
        weights: Sequence[Any],
        step: Any,
        groups: base.Groups,
    ) -> tuple[list[Any], base.State, base.Record]:
        rule, old = self.begin(step, state)
        given = OneByOne(gradients, groups)
        observed = ops.logical_and(given.finite, given.sums > 0)
        bound_of = rule._bounds(old)

        new, within = dict(old), {}
        changed = [ops.zeros_like(given.finite)] * len(gradients)
        for i, value in given.values.items():
            bound = ops.cast(bound_of(i), ops.dtype(value))
            exceeds = ops.abs(value) > bound
            within[i] = ops.where(exceeds, ops.sign(value) * bound, value)
            changed[i] = ops.any(exceeds)
            seen = ops.square(ops.cast(within[i], "float32"))
            square = old[_square(i)]
            moved = rule.decay * square + (1.0 - rule.decay) * seen
            new[_square(i)] = ops.where(observed[i], moved, square)
        counted = ops.minimum(old["count"] + 1.0, rule.warmup_steps)
        weighed = rule.decay * old["weight"] + (1.0 - rule.decay)
        new["count"] = ops.where(observed, counted, old["count"])
        new["weight"] = ops.where(observed, weighed, old["weight"])

        clipped, record = given.replaced(
            within,
            ops.stack(changed),
            self.untouched(given.finite),
            self.on_nonfinite == "propagate",
        )
        return clipped, new, base.Record(*record)

    def _bounds(self, state: base.State) -> Any:
        """Returns a function from a variable's position to its elements' bounds."""
        is_warm = state["count"] >= self.warmup_steps
        weight = ops.where(state["weight"] > 0, state["weight"], 1.0)

        def bound_of(i: int) -> base.Tensor:
            square = state[_square(i)]
            known = ops.logical_and(is_warm[i], square > 0)
            root = ops.sqrt(square / weight[i])
            return ops.where(known, self.factor * root, base.NO_BOUND)

        return bound_of


def _square(i: int) -> str:
    return f"square_{i}"
