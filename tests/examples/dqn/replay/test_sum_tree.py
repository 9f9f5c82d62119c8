"""The sum tree against a running sum."""

import numpy as np
import pytest

from examples.dqn.replay.sum_tree import SumTree


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 100])
def test_sum_tree_against_a_running_sum(size):
    generator = np.random.default_rng(size)
    tree, numbers = SumTree(size), np.zeros(size)
    for _ in range(20):
        rows = generator.integers(size, size=5)
        new = generator.integers(0, 5, size=5).astype(float)
        tree.set(rows, new)
        for row, number in zip(rows, new):
            numbers[row] = number
        assert tree.total == numbers.sum()
        np.testing.assert_array_equal(tree.get(np.arange(size)), numbers)
        if tree.total:
            sums = generator.random((3, 10)) * tree.total
            expected = np.searchsorted(np.cumsum(numbers), sums, side="right")
            np.testing.assert_array_equal(tree.find(sums), expected)


def test_a_sum_that_rounding_has_lifted_finds_the_last_number():
    tree = SumTree(8)
    tree.set(np.arange(3), np.array([0.1, 0.2, 0.3]))
    assert tree.find(np.array([tree.total * (1 + 1e-12)])) == [2]
