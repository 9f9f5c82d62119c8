"""Where transitions are kept: a ring, over whose oldest ones new ones go."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from examples.dqn.envs.environments import Steps
from examples.dqn.replay.transitions import Transitions


class TransitionStore:
    """Keeps the newest `size` transitions.

    Args:
        size: Transitions kept.
        observation_shape: Shape of one observation.
        dtype: What observations are kept as.
    """

    def __init__(
        self,
        size: int,
        observation_shape: tuple[int, ...],
        dtype: DTypeLike = np.float32,
    ):
        self.size = size
        self.added = 0
        """Transitions that came in, those that left again included."""
        self._ring = Transitions(
            observations=np.zeros((size, *observation_shape), dtype),
            actions=np.zeros(size, np.int32),
            rewards=np.zeros(size, np.float32),
            discounts=np.zeros(size, np.float32),
            next_observations=np.zeros((size, *observation_shape), dtype),
        )

    @property
    def count(self) -> int:
        """Transitions that are there."""
        return min(self.added, self.size)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(field.nbytes for field in self._ring)

    @property
    def observations(self) -> np.ndarray:
        """What the transitions that are there start from, in any order."""
        return self._ring.observations[: self.count]

    def put_away(self, steps: Steps, waiting: Sequence[np.ndarray]) -> Steps:
        """Numbers are kept within transitions, so nothing is put away before."""
        return steps

    def begin_episodes(self) -> None:
        """No episode leaves anything here but its transitions."""

    def add(self, transitions: Transitions) -> None:
        """Appends transitions, over the oldest ones where the ring is full."""
        start = self.added % self.size
        end = start + transitions.steps
        # A slice, wherever it serves, because index arrays cost three times more.
        rows: slice | np.ndarray = slice(start, end)
        if end > self.size:
            rows = np.arange(start, end) % self.size
        for ring, field in zip(self._ring, transitions):
            ring[rows] = field
        self.added += transitions.steps

    def take(self, rows: np.ndarray) -> Transitions:
        """The transitions in rows of the ring, of any shape."""
        return Transitions(*(field.take(rows, axis=0) for field in self._ring))

    def __getstate__(self) -> dict[str, Any]:
        # What was never written need not be saved.
        filled = Transitions(*(field[: self.count] for field in self._ring))
        return {**self.__dict__, "_ring": filled}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        rings = (np.zeros((self.size, *f.shape[1:]), f.dtype) for f in self._ring)
        filled, self._ring = self._ring, Transitions(*rings)
        for ring, field in zip(self._ring, filled):
            ring[: self.count] = field
