"""What clippers of groups of variables share: which ones, and broken steps."""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY
from typing import Annotated, Any, Literal

from keras_gradclip._backend import ops
from keras_gradclip._math.groups import Groups, Scope, group_variables
from keras_gradclip._math.selection import Selector, path_of
from keras_gradclip.clippers.arguments import Selection, yes_or_no
from keras_gradclip.clippers.clipper import NUMBERS, Clipper
from keras_gradclip.clippers.measured import Tensor
from keras_gradclip.clippers.numbers_in_force import Numbers

OnNonfinite = Literal["zero", "skip", "propagate"]


class GroupedClipper(Clipper):
    """A clipper that divides the variables into groups by their layers.

    It brings the arguments that all rules but `Chain` have, and numbers that can
    be changed while it is in use: a `clip` takes its own from
    `rule, state = self.begin(step, state)`.

    Args:
        scope: Which gradients share one norm: `"global"`, `"layer"`,
            `"variable"`, or, for rules without history, `"unit"`. Defaults
            to `"global"`.
        include: Which variables take part: a regular expression that is
            searched for in `variable.path`, a list of them, or a function
            from a variable to a bool. Defaults to `None`, all.
        exclude: Which of those do not, in the same form. Defaults to
            `None`. What does not take part is neither measured nor scaled.
        on_nonfinite: What becomes of an update whose gradient, in any
            variable, holds a NaN or an inf. `"zero"` replaces the whole
            gradient by zeros: one bad batch cannot destroy the weights, at
            no cost; momentum and weight decay still act, and the step
            counts. `"skip"` takes the update back as if the batch had not
            been there, weights, slots, averages and `iterations` included,
            at the cost of a copy of each of them per step; for optimizers
            in which a step of zeros does harm, or where steps must be
            counted exactly. `"propagate"` hands it on unchanged, for those
            who want to see it fail. Defaults to `"zero"`. The history is
            left alone in each case.
        observe_only: Whether to measure and learn, but to change nothing: the
            weights become those of training without a clipper, a NaN or an
            inf included, whatever `on_nonfinite` says. Thresholds are recorded
            as they were decided, with scales of 1. Use it to find out what
            a rule would do; see `advise`. Defaults to `False`.
    """

    _: KW_ONLY
    scope: Scope = "global"
    include: Annotated[Selector | None, Selection()] = None
    exclude: Annotated[Selector | None, Selection()] = None
    on_nonfinite: OnNonfinite = "zero"
    observe_only: Annotated[bool, yes_or_no] = False

    @property
    def skips_nonfinite(self) -> bool:
        return self.on_nonfinite == "skip" and not self.observe_only

    def group(
        self,
        variables: Sequence[Any],
        unit_axes: Mapping[str, Sequence[int]] | None = None,
    ) -> Groups:
        _refuse_complex(variables)
        return group_variables(
            variables,
            self.scope,
            self.include,
            self.exclude,
            getattr(self, "unit_axes", None),  # an argument of some rules
            known_axes=unit_axes,
        )

    def numbers(self) -> dict[str, Numbers]:
        return {NUMBERS: self._numbers} if len(self._numbers) else {}

    def untouched(self, finite: Tensor) -> Tensor:
        """Returns the scale of what no threshold applies to, a scalar."""
        kept = ops.cast(finite, "float32")
        return ops.ones_like(kept) if self.on_nonfinite == "propagate" else kept


def _refuse_complex(variables: Sequence[Any]) -> None:
    found = [path_of(v) for v in variables if "complex" in str(v.dtype)]
    if found:
        raise ValueError(
            "`variables` must not be complex: no norm of such a gradient is "
            "measured. Hold the real and the imaginary part in two variables. "
            f"Received: complex variables {found}"
        )
