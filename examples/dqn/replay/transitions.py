"""What the agent learns from: transitions, and batches of them."""

from typing import NamedTuple

import numpy as np


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
    """Where in the store they are from, shape `(updates, batch_size)`."""
    weights: np.ndarray | None = None
    """How much each loss counts, of the same shape; None is 1 for each."""
