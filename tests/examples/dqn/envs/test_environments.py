# ruff: noqa: E402
"""Autoreset, bootstrapping and return counting on an environment that counts."""

import numpy as np
import pytest

gymnasium = pytest.importorskip("gymnasium")

from gymnasium.vector import AutoresetMode, SyncVectorEnv

from examples.dqn.envs.loop import LoopEnvironments
from examples.dqn.envs.making import make_env
from examples.dqn.envs.returns import Returns
from examples.dqn.envs.vector import VectorEnvironments
from examples.dqn.replay.nstep import NStep
from examples.dqn.replay.replay import Replay
from examples.dqn.replay.store import TransitionStore
from examples.dqn.replay.uniform import UniformSampler

# Ours, and Gymnasium's three.
LOOP = "loop"
MODES = [LOOP, *AutoresetMode]


class Counting(gymnasium.Env):
    """Observes [episode, steps so far]; ends after `length` steps.

    Actions start at 5. Each step's reward is the action.
    """

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(3, start=5)

    def __init__(self, length, truncates):
        self.length, self.truncates = length, truncates
        self.episode, self.steps = -1, 0

    def _observation(self):
        return np.array([self.episode, self.steps], np.float32)

    def reset(self, *, seed=None, options=None):
        self.episode, self.steps = self.episode + 1, 0
        return self._observation(), {}

    def step(self, action):
        assert action in self.action_space
        self.steps += 1
        ended = self.steps == self.length
        terminated, truncated = ended and not self.truncates, ended and self.truncates
        return self._observation(), float(action), terminated, truncated, {}


def environments(makers, mode, seed):
    if mode == LOOP:
        return LoopEnvironments(makers, seed)
    return VectorEnvironments(SyncVectorEnv(makers, autoreset_mode=mode), seed)


def play(lengths_and_ends, calls, mode):
    """All transitions of all environments, as one list of rows."""
    makers = [
        lambda length=length, truncates=truncates: Counting(length, truncates)
        for length, truncates in lengths_and_ends
    ]
    envs = environments(makers, mode, seed=0)
    nstep, rows = NStep(1, 0.9, len(lengths_and_ends)), []
    returns, finished = Returns(len(lengths_and_ends)), []
    for _ in range(calls):
        steps = envs.step(np.zeros(len(lengths_and_ends), int))
        rows += list(zip(*nstep.push(steps)))
        finished += returns.push(steps)
    return finished, rows


@pytest.mark.parametrize("truncates", [True, False])
@pytest.mark.parametrize("num_envs", [1, 3])
def test_reset_rows_are_dropped(num_envs, truncates):
    mode = AutoresetMode.NEXT_STEP
    _, rows = play([(3, truncates)] * num_envs, 12, mode)
    # Of 12 calls, every fourth is a reset and reports nothing.
    assert len(rows) == 9 * num_envs


@pytest.mark.parametrize("truncates", [True, False])
@pytest.mark.parametrize("mode", MODES)
def test_no_row_joins_two_episodes(mode, truncates):
    _, rows = play([(3, truncates), (2, truncates)], 12, mode)
    for observation, _, reward, _, next_observation in rows:
        assert next_observation[0] == observation[0], "two episodes in one row"
        assert next_observation[1] == observation[1] + 1
        assert reward == 5.0


@pytest.mark.parametrize("mode", MODES)
def test_termination_ends_the_bootstrap_and_truncation_does_not(mode):
    _, terminating = play([(3, False)], 7, mode)
    _, truncating = play([(3, True)], 7, mode)
    assert [row[3] for row in terminating][:6] == pytest.approx([0.9, 0.9, 0.0] * 2)
    assert [row[3] for row in truncating][:6] == pytest.approx([0.9, 0.9, 0.9] * 2)


@pytest.mark.parametrize("mode", MODES)
def test_environments_of_different_lengths_do_not_disturb_each_other(mode):
    finished, rows = play([(2, False), (5, True)], 12, mode)
    if mode == AutoresetMode.NEXT_STEP:
        # Lengths 2 and 5 have periods of 3 and 6 calls.
        assert len(rows) == 8 + 10
        assert sorted(finished) == [10.0] * 4 + [25.0] * 2
    else:
        assert len(rows) == 24
        assert sorted(finished) == [10.0] * 6 + [25.0] * 2


def replay_contents(env_id, mode, n_step, num_envs=1, count=600):
    """What a replay holds of one environment after `count` steps of it."""
    makers = [lambda: make_env(env_id)] * num_envs
    envs = environments(makers, mode, seed=5)
    nstep = NStep(n_step, 0.9, num_envs)
    shape = envs.observation_shape
    replays = [
        Replay(TransitionStore(count, shape), UniformSampler(count))
        for _ in range(num_envs)
    ]
    while min(map(len, replays)) < count:
        # Actions that depend on the observation alone, so that the extra call
        # of the next-step mode does not shift a stream of random numbers.
        actions = (np.abs(envs.observations).sum(axis=1) * 1e4).astype(int)
        steps = envs.step(actions % envs.num_actions)
        for number, replay in enumerate(replays):
            own = steps.environments == number
            transitions = nstep.push(type(steps)(*(field[own] for field in steps)))
            replay.add(transitions.first(count - len(replay)))
    envs.close()
    return [replay.newest(len(replay)) for replay in replays]


@pytest.mark.parametrize("n_step", [1, 3])
@pytest.mark.parametrize("env_id", ["CartPole-v1", "MountainCar-v0"])
def test_replay_holds_the_same_in_every_autoreset_mode(env_id, n_step):
    modes = [replay_contents(env_id, mode, n_step, num_envs=2) for mode in MODES]
    expected, *others = modes
    ended = [(replay.discounts == 0).sum() for replay in expected]
    assert all(ended) or env_id == "MountainCar-v0"
    for replays in others:
        for replay, other in zip(expected, replays):
            for field, other_field in zip(replay, other):
                np.testing.assert_array_equal(field, other_field)


@pytest.mark.parametrize("mode", MODES)
def test_actions_are_counted_from_zero(mode):
    _, rows = play([(3, False)], 1, mode)
    assert rows[0][1] == 0
    assert rows[0][2] == 5.0


@pytest.mark.parametrize("mode", MODES)
def test_cartpole_returns_match_its_rewards(mode):
    makers = [lambda: make_env("CartPole-v1")] * 2
    envs = environments(makers, mode, seed=3)
    generator = np.random.default_rng(0)
    count = ends = 0
    returns, finished = Returns(2), []
    while len(finished) < 10:
        steps = envs.step(generator.integers(2, size=2))
        count += steps.size
        ends += int(steps.terminated.sum())
        finished += returns.push(steps)
    # CartPole pays 1 per step, and random play never reaches its time limit.
    assert ends == len(finished)
    assert sum(finished) <= count
    assert count - sum(finished) < 200
