"""The NumPy policy: greedy and exploring actions."""

import numpy as np

from examples.dqn.policy import NumpyPolicy

# Two inputs, one hidden unit that sees the first, two actions.
WEIGHTS = [
    np.array([[1.0], [0.0]], np.float32),
    np.array([-1.0], np.float32),
    np.array([[2.0, -1.0]], np.float32),
    np.array([0.5, 1.0], np.float32),
]


def test_q_values_known_answer():
    values = NumpyPolicy(WEIGHTS).q_values(np.array([[3.0, 9.0], [0.0, 9.0]]))
    # Hidden unit: relu(3 - 1) = 2 and relu(0 - 1) = 0.
    np.testing.assert_array_equal(values, [[4.5, -1.0], [0.5, 1.0]])


def test_greedy_takes_the_best():
    observations = np.array([[3.0, 0.0], [0.0, 0.0]])
    np.testing.assert_array_equal(NumpyPolicy(WEIGHTS).greedy(observations), [0, 1])


def test_share_of_random_actions_is_epsilon():
    policy = NumpyPolicy(WEIGHTS)
    observations = np.tile([[3.0, 0.0]], (20_000, 1))
    generator = np.random.default_rng(0)
    assert (policy.explore(observations, 0.0, generator) == 0).all()
    # A random action is the other one half of the time; four deviations wide.
    for epsilon in (0.3, 1.0):
        share = policy.explore(observations, epsilon, generator).mean()
        assert abs(share - epsilon / 2) < 0.015
