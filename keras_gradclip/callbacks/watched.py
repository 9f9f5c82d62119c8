"""Reading the log of one optimizer while it grows."""

from typing import Any, NamedTuple
from warnings import warn

import keras
import numpy as np


class Part(NamedTuple):
    """What was read at once."""

    rows: dict[str, np.ndarray]
    """As `optimizer.clip_history` returns them, all of steps not read before."""

    skipped: int
    """How many updates were skipped meanwhile; they have no rows."""

    nonfinite: int
    """How many of those held a NaN or an inf."""

    dropped_in_a_row: int
    """The longest run of dropped steps that is known of, up to now."""

    is_new: bool
    """Whether these rows do not go on from those before: training went back
    to an earlier step, or the clipper is another."""


class Watched:
    """Reads each step of an optimizer's log once.

    Args:
        optimizer: A clipped optimizer.
        name: What it is called.
    """

    def __init__(self, optimizer: Any, name: str):
        self.optimizer, self.name = optimizer, name
        self._state: Any = None
        self._next_step = 0
        self._went_back = False
        self._skipped, self._nonfinite, self._dropped_last = 0, 0, 0

    @property
    def settings(self) -> dict[str, str]:
        """What there is to know of the optimizer, in words."""
        optimizer = self.optimizer
        kind, clipper = type(optimizer).__name__, repr(optimizer.clipper)
        return {"optimizer": kind, "clipper": clipper}

    @property
    def log_length(self) -> int | None:
        """How many steps the log holds; None before it is there."""
        state = self.optimizer.clip_state
        return None if state is None else state.log.length

    def begin(self) -> None:
        """Passes over what was done since the last look, and notices going back.

        Steps may have been taken unseen, or a file of weights been loaded.
        """
        step = self._step()
        self._went_back |= step < self._next_step
        self._next_step = step
        if self.optimizer.clip_state is not None:
            self._skipped, self._nonfinite, _ = self._counts()

    def read(self, updates: int) -> Part | None:
        """Returns what was done since, None if there is no log yet.

        Args:
            updates: How many updates there were at most.
        """
        state = self.optimizer.clip_state
        if state is None:
            return None
        until, since = self._step(), self._next_step
        if until < since:
            self._went_back, since = True, max(until - updates, 0)
        is_new = self._went_back or (self._state not in (None, state))
        total, broken, lately = self._counts()
        if self._state is not state and self._state is not None:
            self._skipped = self._nonfinite = 0  # counted by another
        self._state, self._went_back = state, False
        rows = self.optimizer.clip_history(since=since)
        steps = rows["step"]
        if len(steps) and steps[0] > since:
            warn(
                f"ClipMonitor lost steps {since} to {steps[0] - 1}: the "
                f"optimizer's log holds {self.log_length} steps, fewer than were "
                "made between two looks at it, as with a larger "
                "`steps_per_execution`.",
                stacklevel=2,
            )
        skipped, nonfinite = total - self._skipped, broken - self._nonfinite
        self._next_step, self._skipped, self._nonfinite = until, total, broken
        dropped = ~np.isfinite(rows["grad_norm"]) & (rows["grad_norm_clipped"] == 0)
        in_a_row, self._dropped_last = _longest_run(dropped, self._dropped_last)
        return Part(rows, skipped, nonfinite, max(in_a_row, lately), is_new)

    def _counts(self) -> tuple[int, int, int]:
        """Returns how many were skipped, and of those that were not finite how
        many, and how many lately in a row."""
        state = self.optimizer.clip_state
        return (state.count_skipped()[0], *state.count_skipped(nonfinite=True))

    def _step(self) -> int:
        return int(keras.ops.convert_to_numpy(self.optimizer.iterations))


def _longest_run(marked: np.ndarray, before: int) -> tuple[int, int]:
    """Returns the longest run of marks, and that at the end.

    Args:
        marked: Booleans.
        before: How long the run was that the first may go on.
    """
    gaps = np.flatnonzero(~marked)
    lengths = np.diff([-1 - before, *gaps, len(marked)]) - 1
    return int(lengths.max()), int(lengths[-1])
