"""The replay against a plain list."""

import numpy as np
import pytest

from examples.dqn.replay.replay import Replay
from examples.dqn.replay.store import TransitionStore
from examples.dqn.replay.transitions import Transitions
from examples.dqn.replay.uniform import UniformSampler


def make_replay(size):
    return Replay(TransitionStore(size, (2,)), UniformSampler(size))


def numbered(start, count):
    """Transitions that can be told apart by any of their fields."""
    numbers = np.arange(start, start + count)
    observations = np.stack([numbers, -numbers], axis=1).astype(np.float32)
    return Transitions(
        observations=observations,
        actions=numbers % 3,
        rewards=numbers * 2.0,
        discounts=numbers / 100,
        next_observations=observations + 0.5,
    )


@pytest.mark.parametrize("chunks", [[1] * 23, [3] * 8, [1, 7, 2, 10, 3], [10, 10]])
def test_keeps_the_newest_like_a_list(chunks):
    replay, everything = make_replay(10), []
    for chunk in chunks:
        replay.add(numbered(len(everything), chunk))
        everything += range(len(everything), len(everything) + chunk)
        newest = everything[-10:]
        assert (replay.newest(len(replay)).rewards / 2).tolist() == newest
        sample = replay.sample(np.random.default_rng(0), 20, 50).batches
        assert len(replay) == len(newest)
        # A thousand draws out of ten miss none, but for a chance of 1e-45.
        assert set(sample.rewards.ravel() / 2) == set(newest)


def test_sample_keeps_transitions_together():
    replay = make_replay(10)
    replay.add(numbered(0, 7))
    sample = replay.sample(np.random.default_rng(0), updates=4, batch_size=5).batches
    number = sample.rewards / 2
    assert sample.observations.shape == (4, 5, 2)
    np.testing.assert_array_equal(sample.observations[..., 0], number)
    np.testing.assert_array_equal(sample.observations[..., 1], -number)
    np.testing.assert_array_equal(sample.actions, number % 3)
    np.testing.assert_allclose(sample.discounts, number / 100, rtol=1e-6)
    np.testing.assert_array_equal(sample.next_observations, sample.observations + 0.5)


def test_sample_depends_on_the_generator_alone():
    replay = make_replay(100)
    replay.add(numbered(0, 100))
    draws = [
        replay.sample(np.random.default_rng(seed), 2, 8).batches.rewards
        for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert (draws[0] != draws[2]).any()


def test_sample_is_uniform():
    replay = make_replay(4)
    replay.add(numbered(0, 4))
    sample = replay.sample(np.random.default_rng(0), 100, 400).batches
    shares = np.bincount((sample.rewards / 2).astype(int).ravel()) / 40_000
    # Five standard deviations of a share of one quarter.
    np.testing.assert_allclose(shares, 0.25, atol=0.011)
