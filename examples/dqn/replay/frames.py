"""Images kept once each, from which stacks are put together when asked for."""

from collections.abc import Callable
from typing import Any

import numpy as np

# Stands for the image before the first one of an episode, which is black.
NONE = -1


class Frames:
    """A ring of images, each of which knows the one before it in its episode.

    A stack follows those links, so none crosses the border of an episode, and
    it does not matter how environments take turns. The first images of an
    episode have black ones before them.

    Each image has a number: how many came before it. The owner tells which
    numbers it still needs, and none of their stacks is ever overwritten: the
    ring grows before that. Episodes add an image each to those of their steps,
    for which a share of 1/32 is set aside, so it grows only where episodes are
    shorter than 32 steps.

    Args:
        size: Steps whose images are to be kept.
        shape: Shape of one image: height, width, channels.
        stack: Images in a stack. At least 1.
    """

    def __init__(self, size: int, shape: tuple[int, ...], stack: int):
        self.stack = stack
        self.added = 0
        """Images that came in, those that left again included."""
        # Numbers below are needed by nobody; there may be more of those.
        self._oldest = 0
        capacity = _capacity(size)
        self._images = np.zeros((capacity, *shape), np.uint8)
        self._previous = np.full(capacity, NONE, np.int64)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return self._images.nbytes + self._previous.nbytes

    @property
    def capacity(self) -> int:
        """Images that there is room for."""
        return len(self._images)

    def append(self, images: np.ndarray, previous: np.ndarray | int) -> np.ndarray:
        """Takes in images, for which `reserve` has made room.

        Args:
            images: Shape `(images, height, width, channels)`.
            previous: The number of the image before each, or `NONE`.

        Returns:
            Their numbers.
        """
        numbers = np.arange(self.added, self.added + len(images))
        rows = numbers % self.capacity
        self._images[rows] = images
        self._previous[rows] = previous
        self.added += len(images)
        return numbers

    def reserve(self, count: int, in_use: Callable[[], np.ndarray]) -> None:
        """Makes room for `count` images.

        Args:
            count: How many come next.
            in_use: Gives the numbers whose stacks must stay. It is asked seldom.
        """
        if self.added + count <= self._oldest + self.capacity:
            return
        needed = self._numbers(in_use())
        self._oldest = int(needed[needed != NONE].min(initial=self.added))
        # What is too little room now would be asked for at every step.
        room = max(count, self.capacity // 64)
        missing = self.added + room - (self._oldest + self.capacity)
        if missing > 0:
            self._grow(self.capacity + max(missing, self.capacity // 4))

    def stacks(self, numbers: np.ndarray) -> np.ndarray:
        """Stacks that end with the given images, oldest first.

        Args:
            numbers: Any shape.

        Returns:
            Bytes of shape `(*numbers.shape, stack, height, width, channels)`.
        """
        chain = self._numbers(numbers)
        images = self._images.take(chain % self.capacity, axis=0)
        images[chain == NONE] = 0
        return images

    def _numbers(self, numbers: np.ndarray) -> np.ndarray:
        """The numbers of stacks, along a new last axis, `NONE` for black."""
        chain = [numbers]
        for _ in range(self.stack - 1):
            previous = self._previous.take(chain[-1] % self.capacity)
            chain.append(np.where(chain[-1] == NONE, NONE, previous))
        return np.stack(chain[::-1], axis=-1)

    def _grow(self, capacity: int) -> None:
        numbers = np.arange(self._oldest, self.added)
        rows = numbers % self.capacity
        for name in ("_images", "_previous"):
            old = getattr(self, name)
            new = np.zeros((capacity, *old.shape[1:]), old.dtype)
            new[numbers % capacity] = old[rows]
            setattr(self, name, new)

    def __getstate__(self) -> dict[str, Any]:
        # What was never written need not be saved.
        count = min(self.added, self.capacity)
        filled = self._images[:count], self._previous[:count], self.capacity
        return {**self.__dict__, "_images": None, "_previous": None, "_filled": filled}

    def __setstate__(self, state: dict[str, Any]) -> None:
        *filled, capacity = state.pop("_filled")
        self.__dict__.update(state)
        for name, array in zip(("_images", "_previous"), filled):
            ring = np.zeros((capacity, *array.shape[1:]), array.dtype)
            ring[: len(array)] = array
            setattr(self, name, ring)


def _capacity(size: int) -> int:
    """Room for the images of `size` steps and of the episodes that they are in."""
    return size + size // 32 + 64


def frames_nbytes(size: int, shape: tuple[int, ...]) -> int:
    """Bytes that `Frames` takes, without making it."""
    per_image = int(np.prod(shape)) + np.dtype(np.int64).itemsize
    return _capacity(size) * per_image
