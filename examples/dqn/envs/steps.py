"""What environments report: the steps that were really taken."""

from typing import NamedTuple

import numpy as np


class Steps(NamedTuple):
    """One step of each of several environments; all of shape `(steps, ...)`."""

    observations: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    next_observations: np.ndarray
    environments: np.ndarray
    """Which environment each step is of."""

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.rewards)

    def first(self, count: int) -> "Steps":
        """The first `count` steps."""
        return Steps(*(field[:count] for field in self))
