"""What the agent remembers: a store, which keeps, and a sampler, which chooses."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from examples.dqn.envs.environments import Steps
from examples.dqn.replay.transitions import Sample, Transitions


class Store(Protocol):
    """Keeps the newest `size` transitions in the rows of a ring."""

    size: int

    @property
    def added(self) -> int:
        """Transitions that came in, those that left again included."""

    def put_away(self, steps: Steps, waiting: Sequence[np.ndarray]) -> Steps:
        """Takes out of steps what it keeps before they are transitions."""

    def begin_episodes(self) -> None:
        """Is told that all environments begin anew, with what was put away lost."""

    def add(self, transitions: Transitions) -> None:
        """Appends transitions, over the oldest ones where the ring is full."""

    def take(self, rows: np.ndarray) -> Transitions:
        """The transitions in rows, of any shape."""


class Sampler(Protocol):
    """Chooses the rows that are learned from."""

    def draw(
        self, generator: np.random.Generator, added: int, updates: int, batch_size: int
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Rows, and the weights of their losses, both `(updates, batch_size)`.

        Args:
            generator: Source of chance.
            added: Transitions that have come into the store so far.
            updates: Batches to draw.
            batch_size: Rows in each.
        """

    def feedback(self, rows: np.ndarray, errors: np.ndarray) -> None:
        """Is told the TD errors of drawn rows."""


class Replay:
    """Transitions go in, batches come out.

    Args:
        store: Where transitions are, and in which form.
        sampler: Which of them are drawn.
    """

    def __init__(self, store: Store, sampler: Sampler):
        self.store = store
        self.sampler = sampler

    def __len__(self) -> int:
        """Transitions that are there."""
        return min(self.store.added, self.store.size)

    def add(self, transitions: Transitions) -> None:
        """Appends transitions, over the oldest ones where it is full."""
        self.store.add(transitions)

    def sample(
        self, generator: np.random.Generator, updates: int, batch_size: int
    ) -> Sample:
        """Draws batches for several updates at once."""
        rows, weights = self.sampler.draw(
            generator, self.store.added, updates, batch_size
        )
        return Sample(self.store.take(rows), rows, weights)

    def feedback(self, rows: np.ndarray, errors: np.ndarray) -> None:
        """Tells how wrong the values of drawn rows were."""
        self.sampler.feedback(rows, errors)

    def newest(self, count: int) -> Transitions:
        """The newest `count` that are kept, the oldest of them first."""
        added = self.store.added
        rows = np.arange(added - min(count, len(self)), added) % self.store.size
        return self.store.take(rows)
