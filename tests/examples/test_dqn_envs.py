"""Autoreset, bootstrapping and return counting on an environment that counts."""

import numpy as np
import pytest

gymnasium = pytest.importorskip("gymnasium")

from examples.dqn.config import ConfigError  # noqa: E402
from examples.dqn.envs import Environments, make_env  # noqa: E402


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


def play(lengths_and_ends, calls):
    """All transitions of all environments, as one list of rows."""
    makers = [
        lambda length=length, truncates=truncates: Counting(length, truncates)
        for length, truncates in lengths_and_ends
    ]
    envs = Environments(makers, seed=0, gamma=0.9)
    rows = []
    for _ in range(calls):
        transitions = envs.step(np.zeros(len(makers), int))
        rows += list(zip(*transitions))
    return envs, rows


@pytest.mark.parametrize("truncates", [True, False])
@pytest.mark.parametrize("num_envs", [1, 3])
def test_reset_rows_are_dropped(num_envs, truncates):
    _, rows = play([(3, truncates)] * num_envs, calls=12)
    # Of 12 calls, every fourth is a reset and reports nothing.
    assert len(rows) == 9 * num_envs
    for observation, _, reward, _, next_observation in rows:
        assert next_observation[0] == observation[0], "two episodes in one row"
        assert next_observation[1] == observation[1] + 1
        assert reward == 5.0


def test_termination_ends_the_bootstrap_and_truncation_does_not():
    _, terminating = play([(3, False)], calls=7)
    _, truncating = play([(3, True)], calls=7)
    assert [row[3] for row in terminating] == pytest.approx([0.9, 0.9, 0.0] * 2)
    assert [row[3] for row in truncating] == pytest.approx([0.9, 0.9, 0.9] * 2)


def test_environments_of_different_lengths_do_not_disturb_each_other():
    envs, rows = play([(2, False), (5, True)], calls=12)
    # Lengths 2 and 5 have periods of 3 and 6 calls.
    assert len(rows) == 8 + 10
    assert sorted(envs.finished_returns) == [10.0] * 4 + [25.0] * 2


def test_actions_are_counted_from_zero():
    _, rows = play([(3, False)], calls=1)
    assert rows[0][1] == 0
    assert rows[0][2] == 5.0


def test_cartpole_returns_match_its_rewards():
    envs = Environments([lambda: make_env("CartPole-v1")] * 2, seed=3, gamma=0.99)
    generator = np.random.default_rng(0)
    steps = ends = 0
    while len(envs.finished_returns) < 10:
        transitions = envs.step(generator.integers(2, size=2))
        steps += transitions.steps
        ends += int((transitions.discounts == 0).sum())
    # CartPole pays 1 per step, and random play never reaches its time limit.
    assert ends == len(envs.finished_returns)
    assert sum(envs.finished_returns) <= steps
    assert steps - sum(envs.finished_returns) < 200


@pytest.mark.parametrize(
    ("env_id", "words"),
    [
        ("NoSuchEnvironment-v0", ["env_id", "NoSuchEnvironment-v0", "doesn't exist"]),
        ("CartPole-v9", ["env_id", "CartPole-v9"]),
        ("", ["env_id", "''"]),
        ("Pendulum-v1", ["env_id", "Discrete actions", "Box(-2.0, 2.0"]),
        ("FrozenLake-v1", ["env_id", "flat Box observation", "Discrete(16)"]),
    ],
)
def test_unfit_environment(env_id, words):
    with pytest.raises(ConfigError) as error:
        make_env(env_id)
    message = str(error.value)
    assert "\n" not in message
    assert all(word in message for word in words), message
