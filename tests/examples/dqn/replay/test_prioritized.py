"""The prioritized replay against its formulas."""

import numpy as np
import pytest

from examples.dqn.replay.prioritized import PrioritizedSampler
from examples.dqn.replay.replay import Replay
from examples.dqn.replay.store import TransitionStore
from examples.dqn.replay.transitions import Transitions


def numbered(start, count):
    numbers = np.arange(start, start + count, dtype=np.float32)
    zeros = np.zeros((count, 1), np.float32)
    return Transitions(zeros, numbers.astype(int), numbers, numbers, zeros)


def make_replay(size=8, exponent=1.0, correction=1.0, total=100, count=None):
    sampler = PrioritizedSampler(size, exponent, correction, total)
    replay = Replay(TransitionStore(size, (1,)), sampler)
    replay.add(numbered(0, size if count is None else count))
    return replay


def draw(replay, updates=200, batch_size=50):
    return replay.sample(np.random.default_rng(0), updates, batch_size)


def shares(sample, size):
    return np.bincount(sample.rows.ravel(), minlength=size) / sample.rows.size


def test_draws_in_proportion_to_the_error():
    replay = make_replay()
    draw(replay)
    errors = np.array([1, -1, 2, -2, 3, -3, 0, 0], np.float32)
    replay.feedback(np.arange(8), errors)
    np.testing.assert_allclose(shares(draw(replay), 8), np.abs(errors) / 12, atol=0.01)


def test_the_exponent_bends_the_proportion():
    errors = np.array([1.0, 4.0, 9.0, 16.0])
    for exponent, expected in [(0.5, [0.1, 0.2, 0.3, 0.4]), (0.0, [0.25] * 4)]:
        replay = make_replay(4, exponent)
        draw(replay)
        replay.feedback(np.arange(4), errors)
        np.testing.assert_allclose(shares(draw(replay), 4), expected, atol=0.01)


def test_weights_known_answer():
    replay = make_replay(4, count=4, total=4)
    draw(replay)
    replay.feedback(np.arange(4), np.array([1.0, 1.0, 2.0, 4.0]))
    sample = draw(replay)
    # (4 p)^-1 for p = 1/8, 1/8, 1/4, 1/2, over the largest.
    expected = np.array([1.0, 1.0, 0.5, 0.25])
    np.testing.assert_allclose(sample.weights, expected[sample.rows], rtol=1e-5)
    assert sample.weights.dtype == np.float32


def test_exponent_0_is_the_uniform_replay():
    replay = make_replay(4, exponent=0.0)
    draw(replay)
    replay.feedback(np.arange(4), np.array([1.0, 5.0, 0.1, 0.0]))
    np.testing.assert_allclose(draw(replay).weights, 1.0)


def test_correction_rises_to_1():
    replay = make_replay(8, correction=0.4, total=16, count=0)
    values = [replay.sampler.correction(replay.store.added)]
    for start in range(0, 32, 8):
        replay.add(numbered(start, 8))
        values.append(replay.sampler.correction(replay.store.added))
    assert values == pytest.approx([0.4, 0.7, 1.0, 1.0, 1.0])


def test_new_transitions_have_the_highest_priority():
    replay = make_replay(8, count=4)
    draw(replay)
    replay.feedback(np.arange(4), np.array([1.0, 1.0, 1.0, 5.0]))
    replay.feedback(np.array([3]), np.array([1.0]))
    replay.add(numbered(4, 1))
    # Four of 1 and one of 5.
    np.testing.assert_allclose(
        shares(draw(replay), 8), [1 / 9] * 4 + [5 / 9, 0, 0, 0], atol=0.01
    )


def test_what_is_overwritten_loses_its_priority():
    replay = make_replay(4)
    draw(replay)
    replay.feedback(np.arange(4), np.array([100.0, 1.0, 1.0, 1.0]))
    replay.feedback(np.array([0]), np.array([1.0]))
    replay.sampler._highest = 1.0
    replay.add(numbered(4, 1))
    sample = draw(replay)
    np.testing.assert_allclose(shares(sample, 4), 0.25, atol=0.01)
    assert set(sample.batches.rewards.ravel()) == {4.0, 1.0, 2.0, 3.0}


def test_nothing_is_drawn_that_was_never_stored():
    replay = make_replay(100, count=3)
    for _ in range(20):
        sample = draw(replay, 10, 64)
        assert sample.rows.max() < 3
        replay.feedback(sample.rows, np.zeros(sample.rows.shape))


def test_each_draw_is_of_a_stratum_of_its_own():
    replay = make_replay(64)
    sample = replay.sample(np.random.default_rng(0), 5, 64)
    np.testing.assert_array_equal(sample.rows, np.tile(np.arange(64), (5, 1)))
