"""Drawing in proportion to many numbers, of which a few change at a time."""

import numpy as np


class SumTree:
    """Numbers whose running sum is searched in logarithmic time.

    Args:
        size: How many numbers; all 0 at first.
    """

    def __init__(self, size: int):
        self._leaves = 1 << (size - 1).bit_length()
        # Node 1 is the root; the children of node i are 2i and 2i + 1.
        self._nodes = np.zeros(2 * self._leaves)

    @property
    def total(self) -> float:
        """The sum of all numbers."""
        return float(self._nodes[1])

    def get(self, rows: np.ndarray) -> np.ndarray:
        """The numbers of rows."""
        return self._nodes[rows + self._leaves]

    def set(self, rows: np.ndarray, numbers: np.ndarray) -> None:
        """Sets numbers; the last one counts where a row comes twice."""
        nodes = rows + self._leaves
        self._nodes[nodes] = numbers
        for _ in range(self._leaves.bit_length() - 1):
            nodes = nodes >> 1
            self._nodes[nodes] = self._nodes[2 * nodes] + self._nodes[2 * nodes + 1]

    def find(self, sums: np.ndarray) -> np.ndarray:
        """The first row up to which the numbers add up to more than each sum."""
        nodes = np.ones(sums.shape, np.int64)
        left = sums.copy()
        for _ in range(self._leaves.bit_length() - 1):
            nodes *= 2
            below = self._nodes[nodes]
            # Rounding must not lead to a branch that holds nothing.
            right = (left >= below) & (self._nodes[nodes + 1] > 0)
            left -= np.where(right, below, 0.0)
            nodes += right
        return nodes - self._leaves
