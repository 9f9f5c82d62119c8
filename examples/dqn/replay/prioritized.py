"""A replay that repeats what surprised the agent."""

import numpy as np
from numpy.typing import DTypeLike

from examples.dqn.replay.replay import Replay, Sample, Transitions


class PrioritizedReplay(Replay):
    """Draws a transition in proportion to `(|TD error| + 1e-6) ** exponent`.

    What is drawn too often counts less: each loss is weighted by
    `(count * probability) ** -correction`, divided by the largest weight of its
    batch. The correction rises in a straight line from its start to 1 while
    `total` transitions come in. A new transition has the highest priority that
    has been seen, so that everything is learned from soon.

    All batches of one block of updates are drawn before its first update, so
    priorities are up to one block old.

    Args:
        size: Transitions kept.
        observation_shape: Shape of one observation.
        exponent: 0 draws uniformly, 1 in proportion to the error. In [0, 1].
        correction: How much of the bias is corrected at the start. In [0, 1].
        total: Transitions after which all of it is. At least 1.
        dtype: What observations are kept as.

    References:
        Schaul et al., Prioritized Experience Replay, 2016.
        https://arxiv.org/abs/1511.05952
    """

    def __init__(
        self,
        size: int,
        observation_shape: tuple[int, ...],
        exponent: float,
        correction: float,
        total: int,
        dtype: DTypeLike = np.float32,
    ):
        super().__init__(size, observation_shape, dtype)
        self._exponent, self._first_correction = exponent, correction
        self._total = total
        self._tree = SumTree(size)
        self._highest = 1.0
        # One by one they would cost as much as the environment.
        self._unranked: list[int] = []

    @property
    def correction(self) -> float:
        """The share of the bias that is corrected now."""
        progress = min(self.added / self._total, 1.0)
        return self._first_correction + progress * (1 - self._first_correction)

    def add(self, transitions: Transitions) -> None:
        """As the uniform replay does."""
        self._unranked += range(self.added, self.added + transitions.steps)
        super().add(transitions)

    def sample(
        self, generator: np.random.Generator, updates: int, batch_size: int
    ) -> Sample:
        """Draws batches, one draw in each of `batch_size` strata of the sum."""
        self._rank_new()
        strata = np.arange(batch_size) + generator.random((updates, batch_size))
        rows = self._tree.find(strata / batch_size * self._tree.total)
        shares = self._tree.get(rows) / self._tree.total
        weights = (self.count * shares) ** -self.correction
        weights /= weights.max(axis=1, keepdims=True)
        return self._take(rows)._replace(weights=weights.astype(np.float32))

    def feedback(self, rows: np.ndarray, errors: np.ndarray) -> None:
        """Learns how wrong the values of drawn rows were."""
        priorities = (np.abs(errors.astype(float)) + 1e-6) ** self._exponent
        self._highest = max(self._highest, float(priorities.max()))
        self._tree.set(rows.ravel(), priorities.ravel())

    def _rank_new(self) -> None:
        """Gives what came in since the last draw the highest priority."""
        rows = np.array(self._unranked, np.int64) % self.size
        self._unranked.clear()
        self._tree.set(rows, np.full(len(rows), self._highest))


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
