# ruff: noqa: E402
"""Gymnasium's vector environments, of which only real steps are reported."""

from functools import partial

import numpy as np
import pytest

gymnasium = pytest.importorskip("gymnasium")

from gymnasium.vector import AutoresetMode, SyncVectorEnv
from helpers.dqn_envs import Numbered, assert_as_alone, play

from examples.dqn.envs.vector import VectorEnvironments

MAKERS = [partial(gymnasium.make, "CartPole-v1", max_episode_steps=15), Numbered]


def environments(make, mode, count=3, seed=11):
    envs = SyncVectorEnv([make] * count, autoreset_mode=mode)
    return VectorEnvironments(envs, seed)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("mode", AutoresetMode)
def test_each_environment_is_what_it_is_alone(mode, make):
    _, played = play(environments(make, mode), 120, np.random.default_rng(0))
    assert assert_as_alone(played, make, [11, 12, 13]) > 5


@pytest.mark.parametrize("mode", AutoresetMode)
def test_only_what_was_reset_reports_nothing(mode):
    _, played = play(environments(Numbered, mode), 60, np.random.default_rng(0))
    expected = [0, 1, 2]
    for steps in played:
        assert steps.environments.tolist() == expected
        assert all(len(field) == len(expected) for field in steps)
        if mode == AutoresetMode.NEXT_STEP:
            expected = sorted({0, 1, 2} - {*steps.environments[steps.ended].tolist()})


@pytest.mark.parametrize("mode", AutoresetMode)
def test_agent_acts_on_what_the_next_step_starts_from(mode):
    envs = environments(Numbered, mode)
    seen, played = play(envs, 60, np.random.default_rng(0))
    for steps, now in zip(played, seen):
        np.testing.assert_array_equal(steps.observations, now[steps.environments])


def test_a_call_that_resets_all_reports_no_step():
    envs = environments(Numbered, AutoresetMode.NEXT_STEP, count=2, seed=0)
    sizes = [envs.step(np.zeros(2, int)).size for _ in range(6)]
    # Episodes of 2 and 3 steps, then of 3 and 4, with a reset after each.
    assert sizes == [2, 2, 1, 1, 2, 2]
    alone = environments(Numbered, AutoresetMode.NEXT_STEP, count=1, seed=0)
    steps = [alone.step(np.zeros(1, int)) for _ in range(3)]
    assert [part.size for part in steps] == [1, 1, 0]
    assert steps[2].next_observations.shape == (0, 2, 3, 1)


@pytest.mark.parametrize("mode", AutoresetMode)
def test_steps_stay_as_they_were_reported(mode):
    envs = environments(Numbered, mode)
    generator = np.random.default_rng(0)
    reported, copies = [], []
    for _ in range(30):
        steps = envs.step(generator.integers(4, size=3))
        reported += steps
        copies += [field.copy() for field in steps]
    for field, copy in zip(reported, copies):
        np.testing.assert_array_equal(field, copy)


def test_cartpoles_own_vector_form_obeys_the_physics_of_one():
    """Steps that joined two episodes would not."""
    vector = gymnasium.make_vec(
        "CartPole-v1", 4, vectorization_mode="vector_entry_point"
    )
    envs = VectorEnvironments(vector, seed=3)
    _, played = play(envs, 100, np.random.default_rng(0))
    assert sum(steps.ended.sum() for steps in played) > 8
    alone = gymnasium.make("CartPole-v1").unwrapped
    for row in (row for steps in played for row in zip(*steps)):
        before, action, reward, terminated, _, after, _ = row
        alone.reset()
        alone.state = before.astype(float)
        expected, expected_reward, fallen, *_ = alone.step(action)
        np.testing.assert_allclose(after, expected, atol=1e-5)
        assert (reward, terminated) == (expected_reward, fallen)


def test_shape_and_actions_are_those_of_one_environment():
    envs = environments(Numbered, AutoresetMode.NEXT_STEP)
    assert envs.observation_shape == (2, 3, 1)
    assert envs.num_actions == 4
