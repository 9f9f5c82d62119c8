"""What an image is: asked here and nowhere else."""

import gymnasium
import numpy as np


def frame_shape(observations: gymnasium.spaces.Box) -> tuple[int, ...] | None:
    """Height, width and channels of images, None for observations that are none.

    Args:
        observations: Of an environment that `make_env` has made.
    """
    if observations.dtype != np.uint8 or len(observations.shape) not in (2, 3):
        return None
    return (*observations.shape, 1)[:3]


def sees_images(observation_shape: tuple[int, ...]) -> bool:
    """Whether what an agent sees is a stack of images.

    It is one vector otherwise: environments are made so that there is nothing else.
    """
    return len(observation_shape) > 1


class ChannelsLast:
    """Brings images into the form that networks and pictures have here.

    Args:
        declared: The space of observations.
        images: "auto" takes bytes of two or three axes for images, with channels
            first where only the first axis has 1, 3 or 4 entries;
            "channels_first" and "channels_last" say where they are; "none" says
            that such bytes are numbers like others.
    """

    def __init__(self, declared: gymnasium.Space, images: str):
        self.shape: tuple[int, ...] | None = None
        """What comes out, None if there are no images."""
        self.moves = False
        """Whether channels come first, and are moved."""
        if images == "none" or not isinstance(declared, gymnasium.spaces.Box):
            return
        if frame_shape(declared) is None:
            return
        shape = declared.shape
        if len(shape) == 3:
            looks_first = shape[0] in (1, 3, 4) and shape[2] not in (1, 3, 4)
            self.moves = images == "channels_first" or (
                images == "auto" and looks_first
            )
        self.shape = (*shape[1:], shape[0]) if self.moves else shape

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """An image with its channels last."""
        return np.moveaxis(image, 0, -1) if self.moves else image
