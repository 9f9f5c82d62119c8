"""What a rule is told before it decides, and what is recorded afterwards."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

Tensor = Any
State = dict[str, Any]
Decision: TypeAlias = tuple[Tensor, State]
"""The threshold of each group, and the state afterwards."""


class Kept(dict[str, Any]):
    """A state that is as it was where a group was not observed.

    For a rule that has seen to it itself, since its threshold comes from the
    state afterwards; what others return, the base class keeps.
    """


class Measured(NamedTuple):
    """What a rule may know when it decides.

    At scope "unit" the units of all variables are the groups, side by side.
    """

    norms: Tensor
    """The norm of each group's gradient, shape `(groups,)`, float32. NaN or
    inf if the gradient is."""

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

    sizes: Callable[[], np.ndarray]
    """How many numbers each group holds, float32, shape `(groups,)`, for a rule
    that asks; at the scopes above "unit"."""


class Record(NamedTuple):
    """What clipping did in one step, float32 and on the device."""

    norms: Tensor
    """The norm of each group before clipping, shape `(groups,)`."""

    thresholds: Tensor
    """The bound of each group, shape `(groups,)`; `base.NO_BOUND`, float32's
    largest number, where there is none."""

    scales: Tensor
    """The factor applied to each group, shape `(groups,)`."""

    whole: Tensor
    """The norm of the whole gradient before clipping, a scalar: of all
    variables, those included that the rule leaves out."""

    whole_after: Tensor
    """The same after clipping. 0 in a step whose gradient was dropped."""

    finite: Tensor
    """Whether the whole gradient was, a bool scalar."""

    skipped: Tensor = False
    """Whether the update is not to be made though it is finite, a bool scalar.
    Looked at only where the clipper's `skips_spikes` is true."""
