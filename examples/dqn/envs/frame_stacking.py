"""Environments that show images: the agent sees the last few, the replay each."""

import gymnasium
import numpy as np

from examples.dqn.envs.environments import Environments, Steps


class FrameStacking:
    """Stacks the newest images of each episode for the agent to act on.

    `observations` are stacks, oldest image first, black before an episode's first
    one. The steps that `step` reports have single images, which the replay
    stacks by itself.

    Args:
        envs: Environments with images.
        frame_shape: Height, width and channels of one image.
        count: Images in a stack. At least 1.
    """

    def __init__(
        self,
        envs: Environments,
        frame_shape: tuple[int, ...],
        count: int,
    ):
        self._envs = envs
        self._frame_shape = frame_shape
        self._count = count
        self._begin()

    def _begin(self) -> None:
        images = self._images(self._envs.observations)
        shape = len(images), self._count, *self._frame_shape
        self.observations = np.zeros(shape, np.uint8)
        self.observations[:, -1] = images

    def begin(self, seed: int) -> None:
        """Begins new episodes; environment `i` is seeded with `seed + i`."""
        self._envs.begin(seed)
        self._begin()

    @property
    def first(self) -> gymnasium.Env:
        """The first of them, to be played by others; then `begin` anew."""
        return self._envs.first

    @property
    def observation_shape(self) -> tuple[int, ...]:
        return self.observations.shape[1:]

    @property
    def num_actions(self) -> int:
        return self._envs.num_actions

    def step(self, actions: np.ndarray) -> Steps:
        """Steps all environments.

        Args:
            actions: One action per environment, counted from 0.
        """
        steps = self._envs.step(actions)
        # An environment that reports no step was reset instead.
        begins = np.ones(len(actions), bool)
        begins[steps.environments] = steps.ended
        newest = self._images(self._envs.observations)
        stacks = np.concatenate([self.observations[:, 1:], newest[:, None]], axis=1)
        stacks[begins, :-1] = 0
        self.observations = stacks
        return steps._replace(
            observations=self._images(steps.observations),
            next_observations=self._images(steps.next_observations),
        )

    def _images(self, observations: np.ndarray) -> np.ndarray:
        images = observations.reshape(-1, *self._frame_shape)
        return images.astype(np.uint8, copy=False)

    def close(self) -> None:
        self._envs.close()
