"""A trace that grows, thinned when it holds too many steps."""

from collections.abc import Mapping, Sequence

import numpy as np

from keras_gradclip.callbacks.trace import COLUMNS, Trace


class TraceBuilder:
    """Joins parts of a trace, and keeps every second row when there are too many.

    What is kept is spread evenly over all of training, so that shares and
    distributions stay what they were.

    Args:
        groups: The names of the groups.
        max_steps: How many rows there may be at most.
        name: What the optimizer is called.
        settings: What produced the trace.
    """

    def __init__(
        self,
        groups: Sequence[str],
        max_steps: int,
        name: str = "",
        settings: Mapping[str, str] | None = None,
    ):
        self.groups, self._max_steps = tuple(groups), max_steps
        self._name, self._settings = name, settings
        self._parts: list[dict[str, np.ndarray]] = []
        self._seen, self._kept, self._every = 0, 0, 1

    def add(self, part: Mapping[str, np.ndarray]) -> None:
        """Adds the rows of further steps, which must have all columns."""
        steps = len(part["step"])
        chosen = slice(-self._seen % self._every, None, self._every)
        self._seen += steps
        # A slice is a view, which would hold the whole log in memory.
        kept = {name: np.array(part[name][chosen]) for name in COLUMNS}
        self._parts.append(kept)
        self._kept += len(kept["step"])
        while self._kept > self._max_steps:
            self._thin()

    @property
    def trace(self) -> Trace:
        """All rows so far."""
        columns = self._joined()
        return Trace(columns, self.groups, self._every, self._name, self._settings)

    def _joined(self) -> dict[str, np.ndarray]:
        if len(self._parts) > 1:
            joined = {
                name: np.concatenate([part[name] for part in self._parts])
                for name in COLUMNS
            }
            self._parts = [joined]
        return self._parts[0]

    def _thin(self) -> None:
        thinned = {name: np.array(v[::2]) for name, v in self._joined().items()}
        self._parts, self._kept = [thinned], len(thinned["step"])
        self._every *= 2
