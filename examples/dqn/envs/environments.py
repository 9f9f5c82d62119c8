"""What every set of environments is: observations, and steps really taken."""

from typing import NamedTuple, Protocol

import gymnasium
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

    @property
    def ended(self) -> np.ndarray:
        """Which of them are the last of their episodes."""
        return self.terminated | self.truncated

    def first(self, count: int) -> "Steps":
        """The first `count` steps."""
        return Steps(*(field[:count] for field in self))


class Environments(Protocol):
    """Several environments stepped together, their episodes without end."""

    observations: np.ndarray
    """What the agent acts on now, one row per environment. Where an episode has
    ended, it is the first observation of the next one."""

    @property
    def observation_shape(self) -> tuple[int, ...]:
        """Shape of one row of them."""

    @property
    def num_actions(self) -> int:
        """Actions to choose from."""

    def step(self, actions: np.ndarray) -> Steps:
        """Steps all environments.

        Args:
            actions: One action per environment, counted from 0.

        Returns:
            The steps of those environments that were not just reset, the last
            observation of an episode included.
        """

    @property
    def first(self) -> gymnasium.Env:
        """The first of them, to be played by others; then `begin` anew.

        Only those that are stepped in a loop of ours can be lent.
        """

    def begin(self, seed: int) -> None:
        """Begins new episodes; environment `i` is seeded with `seed + i`."""

    def close(self) -> None:
        """Lets go of all that they hold."""
