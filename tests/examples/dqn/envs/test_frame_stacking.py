# ruff: noqa: E402
"""Stacks are those of one episode, as Gymnasium's own wrapper makes them."""

from functools import partial

import numpy as np
import pytest

gymnasium = pytest.importorskip("gymnasium")

from gymnasium.vector import AutoresetMode, SyncVectorEnv
from helpers.dqn_envs import Numbered

from examples.dqn.envs.frame_stacking import FrameStacking
from examples.dqn.envs.loop import LoopEnvironments
from examples.dqn.envs.vector import VectorEnvironments

SHAPE = (2, 3, 1)
MODES = ["loop", *AutoresetMode]


def environments(mode, count=2, seed=4, make=Numbered):
    makers = [make] * count
    if mode == "loop":
        return LoopEnvironments(makers, seed)
    return VectorEnvironments(SyncVectorEnv(makers, autoreset_mode=mode), seed)


@pytest.mark.parametrize("stack", [1, 2, 4])
@pytest.mark.parametrize("mode", MODES)
def test_stacks_are_those_of_gymnasium(mode, stack):
    """Of each environment, over several episodes shorter than a stack, and longer."""
    envs = FrameStacking(environments(mode), SHAPE, stack)
    generator = np.random.default_rng(0)
    seen = [[] for _ in range(2)]
    for _ in range(60):
        shown = envs.observations.copy()
        steps = envs.step(generator.integers(4, size=2))
        for number, action in zip(steps.environments, steps.actions):
            seen[number].append((shown[number], action))
    for number, rows in enumerate(seen):
        wrap = gymnasium.wrappers.FrameStackObservation
        env = wrap(Numbered(), stack, padding_type="zero")
        expected, _ = env.reset(seed=4 + number)
        assert len(rows) > 40
        for found, action in rows:
            np.testing.assert_array_equal(found, expected, strict=True)
            expected, _, terminated, truncated, _ = env.step(action + 3)
            if terminated or truncated:
                expected, _ = env.reset()


@pytest.mark.parametrize("mode", MODES)
def test_steps_keep_their_single_images(mode):
    stacked, plain = FrameStacking(environments(mode), SHAPE, 3), environments(mode)
    generator = np.random.default_rng(0)
    for _ in range(30):
        actions = generator.integers(4, size=2)
        for found, expected in zip(stacked.step(actions), plain.step(actions)):
            np.testing.assert_array_equal(found, expected)


def test_stacks_that_were_given_out_stay():
    envs = FrameStacking(environments("loop"), SHAPE, 3)
    given, copies = [], []
    for _ in range(12):
        given.append(envs.observations)
        copies.append(envs.observations.copy())
        envs.step(np.zeros(2, int))
    np.testing.assert_array_equal(given, copies)


def test_gray_images_get_an_axis_of_channels():
    make = partial(Numbered, (2, 3))
    envs = FrameStacking(environments("loop", make=make), SHAPE, 3)
    assert envs.observation_shape == (3, *SHAPE)
    assert envs.observations.shape == (2, 3, *SHAPE)
    steps = envs.step(np.zeros(2, int))
    assert steps.observations.shape == steps.next_observations.shape == (2, *SHAPE)
    assert envs.num_actions == 4


def test_what_is_stacked_is_closed():
    closed = []

    class Closing(Numbered):
        def close(self):
            closed.append(self.name)

    envs = environments("loop", make=Closing)
    FrameStacking(envs, SHAPE, 2).close()
    assert closed == [4, 5]
