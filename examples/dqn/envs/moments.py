"""Mean and variance of numbers that keep coming."""

import numpy as np

from examples.dqn.envs.environments import Steps


class Moments:
    """Mean and variance of all rows so far, each entry for itself.

    Rows come in as they are played, and the result is the same however they are
    split between two checkpoints.

    Args:
        shape: Of one row.

    References:
        Chan, Golub and LeVeque, Updating formulae and a pairwise algorithm for
        computing sample variances, 1979.
    """

    def __init__(self, shape: tuple[int, ...] = ()):
        self.count = 0
        self.mean = np.zeros(shape)
        self._squares = np.zeros(shape)

    @property
    def variance(self) -> np.ndarray:
        """Of what came so far, 1 before anything did."""
        if not self.count:
            return np.ones_like(self.mean)
        return self._squares / self.count

    def push(self, rows: np.ndarray) -> None:
        """Takes in rows, along the first axis."""
        rows = np.asarray(rows, float)
        total = self.count + len(rows)
        if total == self.count:
            return
        mean = rows.mean(axis=0)
        away = mean - self.mean
        self._squares += np.square(rows - mean).sum(axis=0)
        self._squares += np.square(away) * self.count * len(rows) / total
        self.mean = self.mean + away * len(rows) / total
        self.count = total


class RewardScale:
    """The standard deviation of the discounted sum of rewards, as it runs.

    Rewards divided by it give returns of the size of 1, whatever an environment
    counts in. It is what Gymnasium's `NormalizeReward` divides by.

    Args:
        gamma: Discount per step.
        num_envs: Environments that steps come from.
    """

    def __init__(self, gamma: float, num_envs: int):
        self._gamma = gamma
        self._sums = np.zeros(num_envs)
        self._moments = Moments()

    @property
    def value(self) -> float:
        """What rewards are to be divided by."""
        return float(np.sqrt(self._moments.variance + 1e-8))

    def push(self, steps: Steps) -> None:
        """Takes in the rewards of steps."""
        envs = steps.environments
        self._sums[envs] = self._gamma * self._sums[envs] + steps.rewards
        self._moments.push(self._sums[envs])
        self._sums[envs[steps.ended]] = 0.0

    def begin_episodes(self) -> None:
        """Is told that all environments begin anew."""
        self._sums[:] = 0.0
