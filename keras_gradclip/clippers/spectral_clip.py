"""SpectralClip: a soft bound on the singular values of each kernel."""

from collections.abc import Sequence
from dataclasses import KW_ONLY
from typing import Annotated, Any

import keras

from keras_gradclip._backend import ops
from keras_gradclip._math.one_by_one import OneByOne
from keras_gradclip._math.spectral import soft_clip_singular_values
from keras_gradclip.clippers import base


@keras.saving.register_keras_serializable(package="keras_gradclip")
class SpectralClip(base.GroupedClipper):
    """Keeps the singular values of each kernel's gradient below a bound.

    Use it for networks of large matrices, as transformers, where noise and
    spikes sit in a few directions of a matrix: those are held down, and the
    others, which a clip by norm would scale down with them, keep their size.
    Not for embeddings and heads of large vocabularies (`exclude=`), nor in
    front of `Muon`, which makes all singular values equal anyway; and not
    where a step is short: it takes `3 * iterations` products of square
    matrices, as wide as the smaller side, for each kernel.

    Formula, for a kernel's gradient `G` as a matrix of its last axis and all
    others together, as Muon takes it; a vector is a matrix of one column:

        (I + G G' / max_norm ** 2) ** (-1 / 2) G

    which moves each singular value `s` to `s / sqrt(1 + (s / max_norm) ** 2)`
    and leaves the singular vectors alone. The root is found by Newton-Schulz
    iteration, in matrix products only. Iterations that are too few err to one
    side: where the largest singular value is far above the bound, smaller ones
    come out too small. With 12 they are exact to 1 % where it is up to
    about 30 times the bound, with 20 up to about 800 times.

    Each matrix has its own bound, so the scope only says how the effect is
    recorded, as for `ClipByValue`. A sparse gradient becomes a dense one.

    Args:
        max_norm: Float above 0, or a `LearningRateSchedule`: what the singular
            values stay below. Defaults to 1.0.
        iterations: Int of at least 1. Defaults to 12.
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
    clipper = SpectralClip(0.1, exclude=["embedding", "head"])
    optimizer = keras_gradclip.optimizers.AdamW(clipper=clipper)
    ```

    References:
        - "SPECTRA", 2026, arXiv 2603.14315, where the same is done to the
          update of the optimizer.
    """

    max_norm: Annotated[base.Hyperparameter, base.Range(above=0)] = 1.0
    iterations: Annotated[int, base.Count(at_least=1, fixed=True)] = 12
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
        bound = rule.max_norm
        given = OneByOne(gradients, groups)
        norms = ops.sqrt(given.sums)
        # Smaller ones would differ in no digit of a float32.
        changed = norms > 1e-4 * bound
        new = {}
        for i, value in given.values.items():
            clipped = soft_clip_singular_values(
                value, norms[i], bound, self.iterations, groups.shapes[i]
            )
            new[i] = ops.where(changed[i], clipped, value)
        clipped, record = given.replaced(
            new,
            changed,
            self.untouched(given.finite),
            self.on_nonfinite == "propagate",
        )
        return clipped, {}, base.Record(*record)
