"""What the agent remembers: a ring of transitions, sampled uniformly."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike


class Transitions(NamedTuple):
    """A stack of steps; all fields share their leading axes."""

    observations: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    # What the value of the next observation counts: gamma, and 0 where the
    # episode terminated. A truncated episode goes on in truth, so it keeps gamma.
    discounts: np.ndarray
    next_observations: np.ndarray

    @property
    def steps(self) -> int:
        """How many there are, along the first axis."""
        return len(self.rewards)

    def first(self, count: int) -> "Transitions":
        """The first `count` steps."""
        return Transitions(*(field[:count] for field in self))


class Sample(NamedTuple):
    """Batches for several updates."""

    batches: Transitions
    """Fields of shape `(updates, batch_size, ...)`."""
    rows: np.ndarray
    """Where in the replay they are from, shape `(updates, batch_size)`."""
    weights: np.ndarray | None = None
    """How much each loss counts, of the same shape; None is 1 for each."""


class Replay:
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

    def __len__(self) -> int:
        return self.count

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

    def sample(
        self, generator: np.random.Generator, updates: int, batch_size: int
    ) -> Sample:
        """Draws batches for several updates at once, with replacement."""
        return self._take(generator.integers(self.count, size=(updates, batch_size)))

    def newest(self, count: int) -> Transitions:
        """The newest `count` that are kept, the oldest of them first."""
        first = self.added - min(count, self.count)
        return self._take(np.arange(first, self.added) % self.size).batches

    def feedback(self, rows: np.ndarray, errors: np.ndarray) -> None:
        """Is told the TD errors of drawn rows; a uniform replay needs none."""

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

    def _take(self, rows: np.ndarray) -> Sample:
        return Sample(Transitions(*(f.take(rows, axis=0) for f in self._ring)), rows)
