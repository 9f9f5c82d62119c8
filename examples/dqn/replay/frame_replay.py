"""A replay of images: each is stored once, and stacked when it is sampled.

Between environment and sample, an image goes by its number in the store. So
steps become transitions, and transitions are drawn, by the same code as those of
vectors.
"""

from typing import Any

import numpy as np

from examples.dqn.envs.steps import Steps
from examples.dqn.replay.frames import NONE, Frames, frames_nbytes
from examples.dqn.replay.nstep import NStep
from examples.dqn.replay.prioritized import PrioritizedReplay
from examples.dqn.replay.replay import Replay, Sample, Transitions


class FrameReplay(Replay):
    """Keeps the newest `size` transitions between stacks of images.

    What is added has the numbers of images for observations, as `FrameNStep`
    makes them; what is drawn has the stacks.

    Args:
        size: Transitions kept.
        frames: Where their images are.
        **priorities: Of `PrioritizedReplay`, for a class that is one.
    """

    def __init__(self, size: int, frames: Frames, **priorities: Any):
        super().__init__(size, (), dtype=np.int64, **priorities)
        self.frames = frames

    @property
    def numbers(self) -> np.ndarray:
        """The images that its transitions start from."""
        return self._ring.observations[: self.count]

    @property
    def nbytes(self) -> int:
        """Bytes of transitions and images."""
        return self.frames.nbytes + sum(field.nbytes for field in self._ring)

    def _take(self, rows: np.ndarray) -> Sample:
        sample = super()._take(rows)
        batches = sample.batches._replace(
            observations=self.frames.stacks(sample.batches.observations),
            next_observations=self.frames.stacks(sample.batches.next_observations),
        )
        return sample._replace(batches=batches)


class PrioritizedFrameReplay(FrameReplay, PrioritizedReplay):
    """The same, drawn by TD error."""


def frame_replay_nbytes(size: int, shape: tuple[int, ...]) -> int:
    """Bytes that a `FrameReplay` takes, without making it.

    Args:
        size: Transitions kept.
        shape: Shape of one image.
    """
    # Two numbers of images; action, reward and discount.
    return frames_nbytes(size, shape) + size * (2 * 8 + 3 * 4)


class FrameNStep(NStep):
    """`NStep` that puts the images into the store, and goes on with their numbers.

    An episode's last image is stored as well, since a truncated episode
    bootstraps from it.

    Args:
        n: Most steps in a transition. At least 1.
        gamma: Discount per step. In [0, 1].
        num_envs: Environments that steps come from.
        reward_clip: Largest absolute reward; None is no limit.
        replay: Where the transitions and the images go.
    """

    def __init__(
        self,
        n: int,
        gamma: float,
        num_envs: int,
        reward_clip: float | None,
        replay: FrameReplay,
    ):
        super().__init__(n, gamma, num_envs, reward_clip)
        self._replay = replay
        # The image that each environment shows now, if its episode has begun.
        self._shown = np.full(num_envs, NONE, np.int64)

    def push(self, steps: Steps) -> Transitions:
        """Takes in steps with one image each, gives out numbers of images."""
        frames, envs = self._replay.frames, steps.environments
        frames.reserve(2 * steps.size, self._in_use)
        begins = self._shown[envs] == NONE
        if begins.any():
            first = frames.append(steps.observations[begins], NONE)
            self._shown[envs[begins]] = first
        before = self._shown[envs]
        after = frames.append(steps.next_observations, before)
        ended = steps.terminated | steps.truncated
        self._shown[envs] = np.where(ended, NONE, after)
        return super().push(
            steps._replace(observations=before, next_observations=after)
        )

    def _in_use(self) -> np.ndarray:
        """The images whose stacks somebody waits for."""
        waiting = [row[0] for waiting in self._waiting for row in waiting]
        return np.concatenate(
            [self._replay.numbers, self._shown, np.array(waiting, np.int64)]
        )
