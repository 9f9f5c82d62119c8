"""Draws to which all transitions that are there are alike."""

import numpy as np
import pytest

from examples.dqn.replay.uniform import UniformSampler


def draw(added, updates=50, batch_size=40, seed=0):
    rows, weights = UniformSampler(10).draw(
        np.random.default_rng(seed), added, updates, batch_size
    )
    assert weights is None
    return rows


@pytest.mark.parametrize(("added", "there"), [(1, 1), (7, 7), (10, 10), (1234, 10)])
def test_all_that_is_there_is_drawn_and_nothing_else(added, there):
    rows = draw(added)
    assert rows.shape == (50, 40)
    assert {*rows.ravel().tolist()} == {*range(there)}


def test_each_with_the_same_chance():
    counts = np.bincount(draw(10, 100, 100).ravel())
    # Chi-square with 9 degrees of freedom, which one in a thousand is above.
    assert ((counts - 1000) ** 2 / 1000).sum() < 27.9


def test_places_of_a_batch_are_drawn_apart():
    """With replacement, and no place follows from another."""
    rows = draw(10, 4000, 2)
    # Two alike in one batch of ten; five standard deviations wide.
    assert abs((rows[:, 0] == rows[:, 1]).mean() - 0.1) < 0.024
    assert abs((rows[:-1, 0] == rows[1:, 0]).mean() - 0.1) < 0.024


def test_errors_change_no_draw():
    sampler = UniformSampler(10)
    sampler.feedback(np.array([3]), np.array([1e9]))
    rows, _ = sampler.draw(np.random.default_rng(0), 10, 50, 40)
    np.testing.assert_array_equal(rows, draw(10))
