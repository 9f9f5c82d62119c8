"""What a row of the table of rules says."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

HISTORY_SCOPES = ("global", "layer", "variable")
ALL_SCOPES = (*HISTORY_SCOPES, "unit")

# Values that an argument must refuse.
NOT_NUMBERS = [np.nan, np.inf, -np.inf, "1", None, True, [1.0]]
NOT_POSITIVE = [0.0, -1.0, *NOT_NUMBERS]
NEGATIVE = [-0.1, *NOT_NUMBERS]
NOT_A_SHARE = [1.0, *NEGATIVE]
NOT_A_COUNT = [0, -1, 2.0, "3", None, True]

Arguments = dict[str, Any]


@dataclass(frozen=True)
class Rule:
    """How all common tests, and the overhead benchmark, use one rule."""

    cls: Callable[..., Any]
    tight: Arguments
    """Arguments with which it clips most gradients."""
    loose: Arguments | None
    """Arguments with which it never clips, if there are any."""
    every: Arguments
    """Each argument that is the rule's own, none at its default."""
    bad: dict[str, list[Any]]
    """For each of them, values that it must refuse."""
    scheduled: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    """The arguments that may be schedules. For each two values that differ in
    what they do to the gradients of the tests, and, where it is needed to see
    that, a dict of other arguments."""
    allowed: dict[str, list[Any]] = field(default_factory=dict)
    """Values at the very edges of the ranges."""
    answers: tuple[tuple[Arguments, list[float], list[float]], ...] = ()
    """Known answers: arguments, the norms of a few steps, and the thresholds."""
    overhead: dict[str, Arguments] = field(default_factory=dict)
    """What the overhead benchmark measures, by the label in its table."""

    scopes: tuple[str, ...] = HISTORY_SCOPES
    keeps_direction: bool = True
    keeps_signs: bool = True
    """Whether it keeps at least the sign of each element."""
    is_idempotent: bool = True
    """Whether clipping a clipped gradient in the same state does nothing."""
    scales_up: bool = False
    """Whether it may also raise a norm, and changes every step."""
    skips: bool = False
    """Whether it drops a step as a whole and scales none."""
    last_bit: float = 0.0
    """The share by which a scale may differ when others stand beside it in a
    row, as TensorFlow's powers do."""
    rounding: float = 1e-4
    """The share by which a threshold may differ from the NumPy twin's where
    norms are rounded to float32 on the way."""

    # The NumPy twin: `decide`, `elements` or `links`, in float64 and plain loops.
    # Nothing in it is shared with the package.
    decide: Callable[..., np.ndarray] | None = None
    """From the norms of all groups, where they are observed, the rule's own
    memory (a dict that holds the groups' `"sizes"`, and else starts empty), the
    norms of the weights and the arguments, to thresholds."""
    scales: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None
    """Beside `decide`, for a rule that scales otherwise: from norms and
    thresholds to scales."""
    elements: Callable[..., np.ndarray] | None = None
    """From one gradient, that variable's memory (a dict that starts empty) and
    the arguments to the clipped gradient."""
    links: Callable[..., list[tuple[str, Arguments]]] | None = None
    """From the arguments to rows of this table that are applied in turn."""

    def make(self, kind: str, **common: Any) -> Any:
        """Returns a clipper with the arguments of one of the kinds above."""
        return self.cls(**getattr(self, kind), **common)
