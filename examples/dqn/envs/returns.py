"""What episodes came to."""

import numpy as np

from examples.dqn.envs.environments import Steps


class Returns:
    """Counts the undiscounted return of each episode, whoever steps it.

    Counted from the steps because Gymnasium's own statistics differ between its
    versions and reset modes.

    Args:
        num_envs: Environments that steps come from.
    """

    def __init__(self, num_envs: int):
        self._sums = np.zeros(num_envs)

    def push(self, steps: Steps) -> list[float]:
        """Takes in steps, and gives out the returns of the episodes they end."""
        self._sums[steps.environments] += steps.rewards
        ended = steps.ended
        if not ended.any():
            return []
        over = steps.environments[ended]
        returns = self._sums[over].tolist()
        self._sums[over] = 0.0
        return returns

    def begin_episodes(self) -> None:
        """Is told that all environments begin anew."""
        self._sums[:] = 0.0
