"""From single steps to the transitions that the agent learns from."""

from collections import deque

import numpy as np

from examples.dqn.envs.environments import Steps
from examples.dqn.replay.transitions import Transitions


class NStep:
    """Sums the discounted rewards of up to `n` steps into one transition.

    A transition leads from a step's observation to that `n` steps later, or to
    the last of its episode: `r_0 + gamma r_1 + ... + gamma^(k-1) r_(k-1)` and the
    discount `gamma^k`, where `k <= n` is the number of steps taken. The discount
    is 0 where the episode terminated. A truncated episode goes on in truth, so
    it keeps its discount.

    Args:
        n: Most steps in a transition. At least 1.
        gamma: Discount per step. In [0, 1].
        num_envs: Environments that steps come from.
        reward_clip: Largest absolute reward; None is no limit.

    References:
        Sutton, Learning to Predict by the Methods of Temporal Differences, 1988.
        Hessel et al., Rainbow, 2018. https://arxiv.org/abs/1710.02298
    """

    def __init__(
        self, n: int, gamma: float, num_envs: int, reward_clip: float | None = None
    ):
        self.n = n
        self._reward_clip = reward_clip
        self._discounts = np.float32(gamma) ** np.arange(n + 1, dtype=np.float32)
        # (observation, action, reward) of the steps that still wait.
        self._waiting: list[deque] = [deque() for _ in range(num_envs)]

    @property
    def waiting(self) -> list[np.ndarray]:
        """Observations of the steps that are in no transition yet."""
        return [row[0] for waiting in self._waiting for row in waiting]

    def begin_episodes(self) -> None:
        """Is told that all environments begin anew: nothing follows what waits."""
        for waiting in self._waiting:
            waiting.clear()

    def push(self, steps: Steps) -> Transitions:
        """Takes in steps and gives out what is complete with them."""
        if self._reward_clip is not None:
            steps = steps._replace(rewards=_clip(steps.rewards, self._reward_clip))
        if self.n == 1:
            discounts = np.where(steps.terminated, np.float32(0), self._discounts[1])
            return Transitions(*steps[:3], discounts, steps.next_observations)
        rows = []
        for row in zip(*steps):
            observation, action, reward, terminated, truncated, after, env = row
            waiting = self._waiting[env]
            waiting.append((observation, action, reward))
            if terminated or truncated:
                while waiting:
                    rows.append(self._row(waiting, after, terminated))
            elif len(waiting) == self.n:
                rows.append(self._row(waiting, after, False))
        fields = zip(*rows) if rows else [steps[i][:0] for i in (0, 1, 2, 2, 5)]
        return Transitions(*map(np.asarray, fields))

    def _row(self, waiting: deque, after: np.ndarray, terminated: bool) -> tuple:
        """Takes the oldest step out, with all that has followed it."""
        steps = len(waiting)
        rewards = np.array([reward for _, _, reward in waiting], np.float32)
        total = rewards @ self._discounts[:steps]
        observation, action, _ = waiting.popleft()
        discount = np.float32(0) if terminated else self._discounts[steps]
        return observation, action, total, discount, after


def _clip(rewards: np.ndarray, limit: float) -> np.ndarray:
    # An infinite reward must stay visible to the check that refuses it.
    clipped = np.clip(rewards, -limit, limit)
    return np.where(np.isfinite(rewards), clipped, rewards)
