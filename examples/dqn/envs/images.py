"""What an image is: asked here and nowhere else."""

import gymnasium
import numpy as np


def frame_shape(observations: gymnasium.spaces.Box) -> tuple[int, ...] | None:
    """Height, width and channels of images, None for observations that are none."""
    if observations.dtype != np.uint8 or len(observations.shape) not in (2, 3):
        return None
    return (*observations.shape, 1)[:3]


def sees_images(observation_shape: tuple[int, ...]) -> bool:
    """Whether what an agent sees is a stack of images.

    It is one vector otherwise: environments are made so that there is nothing else.
    """
    return len(observation_shape) > 1
