"""Observations are normalised by what the network is given, and by nothing else."""

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)
pytest.importorskip("gymnasium")

from examples.dqn.networks.normalization import moments_of, set_moments
from examples.dqn.networks.numpy_policy import NumpyPolicy
from examples.dqn.networks.q_network import build_q_network
from examples.dqn.settings.config import Config

MEAN, VARIANCE = np.array([5.0, 0, -1]), np.array([4.0, 1e-12, 100])
SEEN = np.array([[7.0, 0, 9], [5, 1, -1], [1, -1e-9, -101]], np.float32)
EXPECTED = np.array([[1.0, 0, 1], [0, 10, 0], [-2, 0, -10]], np.float32)


def networks():
    config = Config(hidden_sizes=(8,), layer_norm=True)
    plain = build_q_network((3,), 2, config)
    switched = Config(hidden_sizes=(8,), layer_norm=True, normalize_observations=True)
    network = build_q_network((3,), 2, switched)
    set_moments(network, MEAN, VARIANCE)
    return plain, network


@pytest.mark.parametrize("training", [True, False])
def test_network_sees_what_is_normalised_and_learns_no_statistics(training):
    plain, network = networks()
    found = network(SEEN, training=training)
    np.testing.assert_allclose(found, plain(EXPECTED), rtol=1e-3, atol=1e-4)
    for found, expected in zip(moments_of(network), (MEAN, VARIANCE)):
        np.testing.assert_array_equal(found, expected.astype(np.float32))
    assert len(network.trainable_variables) == len(plain.trainable_variables)


def test_policy_and_saved_network_have_the_statistics(tmp_path):
    plain, network = networks()
    network.save(tmp_path / "policy.keras")
    loaded = keras.saving.load_model(tmp_path / "policy.keras", compile=False)
    np.testing.assert_array_equal(network(SEEN), loaded(SEEN))
    for one in (network, loaded):
        found = NumpyPolicy(one).q_values(SEEN)
        np.testing.assert_allclose(found, network(SEEN), rtol=1e-4, atol=1e-4)
    assert moments_of(plain) is None


def test_policy_keeps_the_statistics_of_its_time():
    _, network = networks()
    policy = NumpyPolicy(network)
    before = policy.q_values(SEEN)
    set_moments(network, 2 * MEAN, VARIANCE)
    np.testing.assert_array_equal(policy.q_values(SEEN), before)
    assert not np.array_equal(NumpyPolicy(network).q_values(SEEN), before)
