"""A sampler to which all transitions are alike."""

import numpy as np


class UniformSampler:
    """Draws with replacement, each transition with the same chance.

    Args:
        size: Transitions that the store keeps.
    """

    def __init__(self, size: int):
        self._size = size

    def draw(
        self,
        generator: np.random.Generator,
        added: int,
        updates: int,
        batch_size: int,
    ) -> tuple[np.ndarray, None]:
        """Rows for several batches, and no weights."""
        count = min(added, self._size)
        return generator.integers(count, size=(updates, batch_size)), None

    def feedback(self, rows: np.ndarray, errors: np.ndarray) -> None:
        """Is told the TD errors of drawn rows, and needs none."""
