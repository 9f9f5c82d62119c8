"""The parts of the network."""

from itertools import pairwise

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)

from examples.dqn.networks.q_network import Dueling, build_q_network
from examples.dqn.settings.config import Config

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
def test_network_is_saved_and_loaded(form, tmp_path):
    network = network_of(**form)
    network.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(loaded(OBSERVATIONS), network(OBSERVATIONS))


def test_weights_start_within_the_bounds_of_torch():
    for form in ({}, {"noisy": True}):
        network = network_of(hidden_sizes=(64, 64), **form)
        dense = [layer for layer in network.layers if hasattr(layer, "kernel")]
        for layer, fan_in in zip(dense, (4, 64, 64)):
            for weight in (layer.kernel, layer.bias):
                largest = np.abs(np.array(weight)).max()
                assert 0.4 * fan_in**-0.5 < largest <= fan_in**-0.5


def test_each_layer_starts_from_a_seed_of_its_own():
    layers = [
        layer
        for layer in network_of(dueling=True, hidden_sizes=(16, 16)).layers
        if hasattr(layer, "kernel")
    ]
    kernels = [np.array(layer.kernel).ravel() for layer in layers]
    for first, second in pairwise(kernels):
        size = min(len(first), len(second))
        assert np.abs(first[:size] / first.max() - second[:size] / second.max()).max()


def test_dueling_known_answer():
    value = np.array([[10.0], [20.0]], np.float32)
    advantage = np.array([[1.0, 2.0, 6.0], [0.0, 0.0, 0.0]], np.float32)
    joined = Dueling(3)([value, advantage])
    np.testing.assert_array_equal(joined, [[8.0, 9.0, 13.0], [20.0, 20.0, 20.0]])


def test_dueling_known_answer_for_quantiles():
    # Two actions with two quantiles each, action by action.
    value = np.array([[10.0, 20.0]], np.float32)
    advantage = np.array([[1.0, 2.0, 3.0, 6.0]], np.float32)
    joined = Dueling(2)([value, advantage])
    np.testing.assert_array_equal(joined, [[9.0, 18.0, 11.0, 22.0]])
