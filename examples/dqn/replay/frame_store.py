"""A store of transitions between images, each of which is kept once.

Between environment and sample, an image goes by its number among the frames. So
steps become transitions, and transitions are drawn, by the same code as those of
vectors.
"""

from collections.abc import Sequence

import numpy as np

from examples.dqn.envs.environments import Steps
from examples.dqn.replay.frames import NONE, Frames, frames_nbytes
from examples.dqn.replay.store import TransitionStore
from examples.dqn.replay.transitions import Transitions


class FrameStore:
    """Keeps the newest `size` transitions between stacks of images.

    `put_away` takes the images out of steps and leaves their numbers; what is
    added has these for observations; what is taken out has the stacks.

    Args:
        size: Transitions kept.
        num_envs: Environments that steps come from.
        frames: Where their images are.
    """

    def __init__(self, size: int, num_envs: int, frames: Frames):
        self.size = size
        self.frames = frames
        self._transitions = TransitionStore(size, (), np.int64)
        # The image that each environment shows now, if its episode has begun.
        self._shown = np.full(num_envs, NONE, np.int64)

    @property
    def added(self) -> int:
        """Transitions that came in, those that left again included."""
        return self._transitions.added

    @property
    def nbytes(self) -> int:
        """Bytes of transitions and images."""
        return self._transitions.nbytes + self.frames.nbytes

    def put_away(self, steps: Steps, waiting: Sequence[np.ndarray]) -> Steps:
        """Stores the images of steps, and gives out the steps with their numbers.

        An episode's last image is stored as well, since a truncated episode
        bootstraps from it.

        Args:
            steps: With one image each.
            waiting: Observations, which here are numbers, of earlier steps that
                are in no transition yet.
        """

        def in_use() -> np.ndarray:
            """The images whose stacks somebody waits for."""
            begun = np.array(waiting, np.int64)
            return np.concatenate([self._transitions.observations, self._shown, begun])

        envs = steps.environments
        self.frames.reserve(2 * steps.size, in_use)
        begins = self._shown[envs] == NONE
        if begins.any():
            first = self.frames.append(steps.observations[begins], NONE)
            self._shown[envs[begins]] = first
        before = self._shown[envs]
        after = self.frames.append(steps.next_observations, before)
        self._shown[envs] = np.where(steps.ended, NONE, after)
        return steps._replace(observations=before, next_observations=after)

    def begin_episodes(self) -> None:
        """From here on, environments show the first images of new episodes."""
        self._shown[:] = NONE

    def add(self, transitions: Transitions) -> None:
        """Appends transitions between numbers of images."""
        self._transitions.add(transitions)

    def take(self, rows: np.ndarray) -> Transitions:
        """The transitions in rows of the ring, between stacks of images."""
        numbers = self._transitions.take(rows)
        return numbers._replace(
            observations=self.frames.stacks(numbers.observations),
            next_observations=self.frames.stacks(numbers.next_observations),
        )


def frame_store_nbytes(size: int, shape: tuple[int, ...]) -> int:
    """Bytes that a `FrameStore` takes, without making it.

    Args:
        size: Transitions kept.
        shape: Shape of one image.
    """
    # Two numbers of images; action, reward and discount.
    return frames_nbytes(size, shape) + size * (2 * 8 + 3 * 4)
