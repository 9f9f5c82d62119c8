"""Environments stepped one after the other do what each does alone."""

from functools import partial

import numpy as np
import pytest

gymnasium = pytest.importorskip("gymnasium")

from helpers.dqn_envs import Numbered, assert_as_alone, play  # noqa: E402

from examples.dqn.envs.loop import LoopEnvironments  # noqa: E402

# Which ends by falling, and which by its time.
MAKERS = [
    partial(gymnasium.make, "CartPole-v1"),
    partial(gymnasium.make, "CartPole-v1", max_episode_steps=7),
    Numbered,
]


@pytest.mark.parametrize("make", MAKERS)
def test_each_environment_is_what_it_is_alone(make):
    envs = LoopEnvironments([make] * 3, seed=11)
    _, played = play(envs, 120, np.random.default_rng(0))
    assert assert_as_alone(played, make, [11, 12, 13]) > 5
    assert all(steps.environments.tolist() == [0, 1, 2] for steps in played)


@pytest.mark.parametrize("make", MAKERS)
def test_the_agent_sees_the_next_episode_where_one_has_ended(make):
    envs = LoopEnvironments([make] * 3, seed=11)
    seen, played = play(envs, 120, np.random.default_rng(0))
    for steps, now, following in zip(played, seen, seen[1:]):
        np.testing.assert_array_equal(steps.observations, now)
        goes_on = ~steps.ended
        np.testing.assert_array_equal(
            steps.next_observations[goes_on], following[goes_on]
        )
        assert (
            (steps.next_observations[~goes_on] != following[~goes_on])
            .any(axis=tuple(range(1, following.ndim)))
            .all()
        )


def test_steps_stay_as_they_were_reported():
    envs = LoopEnvironments([MAKERS[1]] * 2, seed=0)
    generator = np.random.default_rng(0)
    reported, copies = [], []
    for _ in range(30):
        steps = envs.step(generator.integers(2, size=2))
        reported += steps
        copies += [field.copy() for field in steps]
    for field, copy in zip(reported, copies):
        np.testing.assert_array_equal(field, copy)


def test_shape_and_actions_are_those_of_the_spaces():
    envs = LoopEnvironments([Numbered], seed=0)
    assert envs.observation_shape == (2, 3, 1)
    assert envs.num_actions == 4
    assert envs.observations.dtype == np.uint8


def test_all_are_closed():
    closed = []

    class Closing(Numbered):
        def close(self):
            closed.append(self.name)

    LoopEnvironments([Closing] * 3, seed=5).close()
    assert closed == [5, 6, 7]
