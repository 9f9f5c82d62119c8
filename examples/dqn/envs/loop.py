"""Environments stepped one after the other, in one process."""

from collections.abc import Callable, Sequence

import gymnasium
import numpy as np

from examples.dqn.envs.environments import Steps


class LoopEnvironments:
    """Several environments stepped together, one after the other.

    An environment whose episode ends is reset at once: `observations` holds the
    first observation of the next episode, the step the last one of its own.
    Gymnasium's vector environments cost a CartPole twice its step, and some reset
    modes add rows that are no steps; `vector.py` is for those that pay.

    Args:
        makers: One function per environment.
        seed: Environment `i` is seeded with `seed + i`, once.
    """

    def __init__(self, makers: Sequence[Callable[[], gymnasium.Env]], seed: int):
        self._envs = [make() for make in makers]
        # Discrete spaces may start elsewhere than at 0; networks count from 0.
        self._first_action = int(self._envs[0].action_space.start)
        self._numbers = np.arange(len(makers))
        self.begin(seed)

    def begin(self, seed: int) -> None:
        """Begins new episodes; environment `i` is seeded with `seed + i`."""
        self.observations = np.stack(
            [env.reset(seed=seed + index)[0] for index, env in enumerate(self._envs)]
        )

    @property
    def first(self) -> gymnasium.Env:
        """The first of them, to be played by others; then `begin` anew."""
        return self._envs[0]

    @property
    def observation_space(self) -> gymnasium.spaces.Box:
        """What one of them observes."""
        return self._envs[0].observation_space

    @property
    def observation_shape(self) -> tuple[int, ...]:
        return self._envs[0].observation_space.shape

    @property
    def num_actions(self) -> int:
        return int(self._envs[0].action_space.n)

    def step(self, actions: np.ndarray) -> Steps:
        """Steps all environments.

        Args:
            actions: One action per environment, counted from 0.
        """
        before, after = self.observations, np.empty_like(self.observations)
        outcomes = []
        for index, (env, action) in enumerate(zip(self._envs, actions.tolist())):
            after[index], *outcome, _ = env.step(action + self._first_action)
            outcomes.append(outcome)
        rewards, terminated, truncated = map(np.array, zip(*outcomes))
        ended = terminated | truncated
        self.observations = self._reset(ended, after) if ended.any() else after
        return Steps(
            before, actions, rewards, terminated, truncated, after, self._numbers
        )

    def _reset(self, ended: np.ndarray, after: np.ndarray) -> np.ndarray:
        """What the agent sees next: the first observation where one has ended."""
        observations = after.copy()
        for index in np.flatnonzero(ended):
            observations[index], _ = self._envs[index].reset()
        return observations

    def close(self) -> None:
        for env in self._envs:
            env.close()
