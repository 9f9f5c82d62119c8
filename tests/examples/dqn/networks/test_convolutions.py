"""Convolutions below the dense layers."""

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)
pytest.importorskip("gymnasium")

from examples.dqn.networks.graph_policy import GraphPolicy
from examples.dqn.networks.q_network import build_q_network
from examples.dqn.settings.config import Config

SHAPE = (2, 10, 9, 3)
IMAGES = np.random.default_rng(0).integers(0, 256, (16, *SHAPE), dtype=np.uint8)
ALL = {"dueling": True, "distributional": True, "layer_norm": True, "noisy": True}


def policy_of(shape=SHAPE, seed=0, **settings):
    config = Config(**{"hidden_sizes": (16, 8), **settings})
    network = build_q_network(shape, 3, config, seed)
    return network, GraphPolicy(network.get_weights(), shape, 3, config)


@pytest.mark.parametrize(
    ("shape", "features"),
    [
        ((4, 84, 84, 1), 7 * 7 * 64),
        ((1, 36, 40, 3), 64),
        ((4, 10, 10, 4), 5 * 5 * 64),
        ((1, 1, 1, 1), 64),
    ],
)
def test_convolutions_fit_the_image(shape, features):
    network, policy = policy_of(shape)
    assert network.get_layer("features").output.shape == (None, features)
    images = np.zeros((2, *shape), np.uint8)
    assert policy.q_values(images).shape == (2, 3)
    for layer in network.layers:
        if hasattr(layer, "kernel"):
            bound = np.prod(layer.kernel.shape[:-1]) ** -0.5
            largest = np.abs(np.array(layer.kernel)).max()
            assert 0.4 * bound < largest <= bound


def test_image_network_sees_each_frame_as_channels_of_one_image():
    """Against a convolution written out by hand."""
    network, _ = policy_of((2, 3, 3, 1))
    convolution = network.get_layer("convolution_0")
    images = np.random.default_rng(2).integers(0, 256, (1, 2, 3, 3, 1), dtype=np.uint8)
    kernel, bias = (np.array(weight) for weight in convolution.weights)
    inner = keras.Model(network.input, convolution.output)
    found = np.array(inner(images))
    expected = bias + sum(
        np.tensordot(images[0, frame, ..., 0] / 255, kernel[:, :, frame])
        for frame in range(2)
    )
    np.testing.assert_allclose(found[0, 1, 1], np.maximum(expected, 0), atol=1e-6)


def test_image_network_is_saved_and_loaded(tmp_path):
    network, _ = policy_of(**ALL)
    network.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(loaded(IMAGES), network(IMAGES))
