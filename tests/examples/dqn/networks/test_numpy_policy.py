"""The NumPy policy: greedy and exploring actions."""

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)

from examples.dqn.networks.numpy_policy import NumpyPolicy
from examples.dqn.networks.q_network import build_q_network
from examples.dqn.settings.config import Config


@pytest.fixture(scope="module")
def policy():
    """Two inputs, one hidden unit that sees the first, two actions."""
    network = build_q_network((2,), 2, Config(hidden_sizes=(1,)))
    network.set_weights(
        [
            np.array([[1.0], [0.0]]),
            np.array([-1.0]),
            np.array([[2.0, -1.0]]),
            np.array([0.5, 1.0]),
        ]
    )
    return NumpyPolicy(network)


def test_q_values_known_answer(policy):
    values = policy.q_values(np.array([[3.0, 9.0], [0.0, 9.0]]))
    # Hidden unit: relu(3 - 1) = 2 and relu(0 - 1) = 0.
    np.testing.assert_array_equal(values, [[4.5, -1.0], [0.5, 1.0]])


def test_greedy_takes_the_best(policy):
    observations = np.array([[3.0, 0.0], [0.0, 0.0]])
    np.testing.assert_array_equal(policy.greedy(observations), [0, 1])


@pytest.mark.parametrize("rows", [1, 4])
def test_share_of_random_actions_is_epsilon(policy, rows):
    observations = np.tile([[3.0, 0.0]], (rows, 1))
    generator = np.random.default_rng(0)

    def share(epsilon, calls):
        draws = [policy.explore(observations, epsilon, generator) for _ in range(calls)]
        return np.concatenate(draws).mean()

    assert share(0.0, 100) == 0.0
    # A random action is the other one half of the time; four deviations wide.
    for epsilon in (0.3, 1.0):
        assert abs(share(epsilon, 20_000 // rows) - epsilon / 2) < 0.015


def test_one_row_is_played_as_several_are(policy):
    generator = np.random.default_rng(0)
    for first in (3.0, 0.0):
        [action] = policy.explore(np.array([[first, 0.0]]), 0.0, generator)
        assert action == policy.greedy(np.array([[first, 0.0]] * 2))[0]
