"""The replay that settings and observations ask for."""

import numpy as np
import pytest

pytest.importorskip("gymnasium")

from examples.dqn.envs.environments import Steps
from examples.dqn.replay.making import make_replay, make_store
from examples.dqn.replay.transitions import Transitions
from examples.dqn.settings.config import Config

STACK, SHAPE = 3, (4, 5, 1)


def replay_of(observation_shape=(2,), num_envs=1, total_steps=1000, **settings):
    config = Config(replay_size=100, **settings)
    return make_replay(config, observation_shape, num_envs, total_steps)


def vectors(count):
    numbers = np.arange(count, dtype=np.float32)
    observations = np.stack([numbers, numbers / 8], axis=1)
    return Transitions(observations, numbers.astype(int), numbers, numbers, -numbers)


def test_vectors_come_back_as_they_went_in_and_the_newest_stay():
    store = make_store(100, (2,), 1)
    transitions = vectors(130)._replace(next_observations=vectors(130).observations)
    store.add(transitions)
    rows = np.arange(30, 130)
    for kept, expected in zip(store.take(rows % 100), transitions):
        np.testing.assert_array_equal(kept, expected[rows])
    assert len(replay_of()) == 0
    replay = replay_of()
    replay.add(transitions)
    assert len(replay) == 100


@pytest.mark.parametrize("num_envs", [1, 3])
def test_images_come_back_as_stacks(num_envs):
    store = replay_of((STACK, *SHAPE), num_envs).store
    for step in range(5):
        # Of one number each, other in each environment.
        before, after = (
            np.multiply.outer(now + 50 * np.arange(num_envs), np.ones(SHAPE))
            for now in (step + 1, step + 2)
        )
        zeros = np.zeros(num_envs)
        numbers = np.arange(num_envs)
        ends = zeros.astype(bool)
        images = before.astype(np.uint8), after.astype(np.uint8)
        steps = Steps(images[0], numbers, zeros, ends, ends, images[1], numbers)
        kept = store.put_away(steps, [])
        store.add(Transitions(*kept[:3], zeros, kept.next_observations))
    found = store.take(np.arange(5 * num_envs)).next_observations
    assert found.shape == (5 * num_envs, STACK, *SHAPE)
    last = found[-1, :, 0, 0, 0]
    assert (last - 50 * (num_envs - 1)).tolist() == [4, 5, 6]


def test_prioritized_draws_what_surprised():
    shares = []
    for prioritized in (False, True):
        replay = replay_of(prioritized=prioritized, priority_exponent=0.5)
        replay.add(vectors(4)._replace(next_observations=np.zeros((4, 2))))
        generator = np.random.default_rng(0)
        replay.sample(generator, 1, 4)
        replay.feedback(np.arange(4), np.array([1.0, 4.0, 9.0, 16.0]))
        sample = replay.sample(generator, 100, 100)
        shares.append(np.bincount(sample.rows.ravel()) / sample.rows.size)
        assert (sample.weights is None) != prioritized
    np.testing.assert_allclose(shares[0], 0.25, atol=0.025)
    np.testing.assert_allclose(shares[1], [0.1, 0.2, 0.3, 0.4], atol=0.025)


def test_correction_is_whole_at_the_end_of_the_run():
    sampler = replay_of(
        prioritized=True, priority_correction=0.2, total_steps=1000
    ).sampler
    found = [sampler.correction(added) for added in (0, 500, 1000, 2000)]
    assert found == pytest.approx([0.2, 0.6, 1.0, 1.0])
