"""A sampler that repeats what surprised the agent."""

import numpy as np

from examples.dqn.replay.sum_tree import SumTree


class PrioritizedSampler:
    """Draws a transition in proportion to `(|TD error| + 1e-6) ** exponent`.

    What is drawn too often counts less: each loss is weighted by
    `(count * probability) ** -correction`, divided by the largest weight of its
    batch. The correction rises in a straight line from its start to 1 while
    `total` transitions come in. A new transition has the highest priority that
    has been seen, so that everything is learned from soon.

    All batches of one block of updates are drawn before its first update, so
    priorities are up to one block old.

    Args:
        size: Transitions that the store keeps.
        exponent: 0 draws uniformly, 1 in proportion to the error. In [0, 1].
        correction: How much of the bias is corrected at the start. In [0, 1].
        total: Transitions after which all of it is. At least 1.

    References:
        Schaul et al., Prioritized Experience Replay, 2016.
        https://arxiv.org/abs/1511.05952
    """

    def __init__(self, size: int, exponent: float, correction: float, total: int):
        self._size = size
        self._exponent, self._first_correction = exponent, correction
        self._total = total
        self._tree = SumTree(size)
        self._highest = 1.0
        # Transitions that have a priority; the later ones are given theirs when
        # they can first be drawn. One by one they would cost as much as the
        # environment.
        self._ranked = 0

    def correction(self, added: int) -> float:
        """The share of the bias that is corrected once `added` have come in."""
        progress = min(added / self._total, 1.0)
        return self._first_correction + progress * (1 - self._first_correction)

    def draw(
        self,
        generator: np.random.Generator,
        added: int,
        updates: int,
        batch_size: int,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rows and weights, one draw in each of `batch_size` strata of the sum."""
        self._rank_new(added)
        strata = np.arange(batch_size) + generator.random((updates, batch_size))
        rows = self._tree.find(strata / batch_size * self._tree.total)
        shares = self._tree.get(rows) / self._tree.total
        count = min(added, self._size)
        weights = (count * shares) ** -self.correction(added)
        weights /= weights.max(axis=1, keepdims=True)
        return rows, weights.astype(np.float32)

    def feedback(self, rows: np.ndarray, errors: np.ndarray) -> None:
        """Learns how wrong the values of drawn rows were."""
        priorities = (np.abs(errors.astype(float)) + 1e-6) ** self._exponent
        self._highest = max(self._highest, float(priorities.max()))
        self._tree.set(rows.ravel(), priorities.ravel())

    def _rank_new(self, added: int) -> None:
        """Gives what came in since the last draw the highest priority."""
        rows = np.arange(self._ranked, added) % self._size
        self._tree.set(rows, np.full(len(rows), self._highest))
        self._ranked = added
