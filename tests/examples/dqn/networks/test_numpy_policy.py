"""The NumPy policy: greedy and exploring actions, as its network has them."""

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)

from examples.dqn.networks.numpy_policy import NumpyPolicy
from examples.dqn.networks.policy import draw_noise
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


def test_layer_normalisation_known_answer():
    network = build_q_network((2,), 2, Config(hidden_sizes=(2,), layer_norm=True))
    identity, zeros = np.eye(2), np.zeros(2)
    # Kernel and bias, scale and shift, kernel and bias.
    scale, shift = np.array([2.0, 3.0]), np.array([0.5, 4.0])
    network.set_weights([identity, zeros, scale, shift, identity, zeros])
    observations = np.array([[7.0, 5.0], [100.0, 300.0]], np.float32)
    # Whatever its mean and spread, a pair is normalised to (1, -1) or (-1, 1), but
    # for the epsilon beside a variance of 1; then scaled, shifted, cut off at 0.
    expected = [[2.5, 1.0], [0.0, 7.0]]
    values = NumpyPolicy(network).q_values(observations)
    np.testing.assert_allclose(values, expected, atol=1e-4)
    np.testing.assert_allclose(values, network(observations), atol=1e-6)


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


OBSERVATIONS = np.random.default_rng(0).normal(size=(32, 4)).astype(np.float32)


FORMS = [
    {},
    {"layer_norm": True},
    {"dueling": True},
    {"distributional": True, "quantiles": 5},
    {"noisy": True},
    {"dueling": True, "distributional": True, "layer_norm": True, "noisy": True},
    {"hidden_sizes": (16,), "dueling": True},
]


def network_of(**settings):
    return build_q_network((4,), 3, Config(**{"hidden_sizes": (16, 8), **settings}))


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_numpy_policy_is_the_network(form):
    network = network_of(**form)
    # Scales and shifts of a normalisation must not be 1 and 0.
    generator = np.random.default_rng(1)
    network.set_weights(
        [w + 0.1 * generator.normal(size=w.shape) for w in network.get_weights()]
    )
    values = np.array(network(OBSERVATIONS))
    if "distributional" in form:
        assert values.ndim == 3
        values = values.mean(axis=-1)
    policy = NumpyPolicy(network)
    assert policy.num_actions == 3
    np.testing.assert_allclose(policy.q_values(OBSERVATIONS), values, atol=1e-5)
    np.testing.assert_array_equal(policy.greedy(OBSERVATIONS), values.argmax(axis=1))


def test_policy_explores_with_noise_of_its_own():
    policy = NumpyPolicy(network_of(noisy=True, noisy_sigma=4.0))
    draws = [
        policy.explore(OBSERVATIONS, 0.0, np.random.default_rng(seed))
        for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert (draws[0] != draws[2]).any()
    assert (draws[0] != policy.greedy(OBSERVATIONS)).any()


def test_noise_of_the_policy_is_that_of_the_network():
    network = network_of(noisy=True)
    layer = network.get_layer("hidden_1")
    inputs = np.random.default_rng(5).normal(size=(1, 16)).astype(np.float32)
    from_network, from_policy = [], []
    generator = np.random.default_rng(6)
    dense = NumpyPolicy(network)._torso[1]
    for _ in range(500):
        layer.set_noise(draw_noise(generator, layer.noise_size))
        from_network.append(np.array(layer(inputs, training=True))[0])
        from_policy.append(dense.with_noise(generator)(inputs)[0])
    np.testing.assert_allclose(
        np.mean(from_policy, axis=0), np.mean(from_network, axis=0), atol=0.1
    )
    np.testing.assert_allclose(
        np.std(from_policy, axis=0), np.std(from_network, axis=0), rtol=0.2
    )
