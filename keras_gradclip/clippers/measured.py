"""What a rule is told before it decides, and what is recorded afterwards."""

from collections.abc import Callable
from typing import Any, NamedTuple

Tensor = Any
State = dict[str, Any]


class Measured(NamedTuple):
    """What a rule may know when it decides."""

    norms: Tensor
    """The norm of each group's gradient, float32. NaN or inf if that is."""

    observed: Tensor
    """Where the norm is one to learn from: positive, in a finite step.

    A norm of 0 is none: it comes from a gradient that is absent, or from a
    part of the network that is switched off, and a threshold learned from
    it would be 0 and keep it switched off.
    """

    step: Any
    """How many updates came before this one; an integer scalar."""

    weight_norms: Callable[[], Tensor]
    """The norm of each group's weights, computed only if it is asked for."""


class Record(NamedTuple):
    """What clipping did in one step; the first three of shape `(groups,)`, float32."""

    norms: Tensor
    thresholds: Tensor
    scales: Tensor

    finite: Tensor
    """Whether the whole gradient was, that of excluded variables included."""

    @property
    def logged(self) -> tuple[Tensor, Tensor, Tensor]:
        """What the log keeps of it."""
        return self.norms, self.thresholds, self.scales
