"""The parts of the network, and the NumPy policy that copies them."""

from itertools import pairwise

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)

from examples.dqn.networks.noisy import NoisyDense
from examples.dqn.networks.numpy_policy import NumpyPolicy
from examples.dqn.networks.policy import draw_noise
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


def noisy_layer(sigma=0.5, seed=3):
    layer = NoisyDense(2, sigma, seed)
    layer.build((None, 3))
    return layer


def test_noise_known_answer():
    layer = noisy_layer()
    layer.set_weights(
        [
            np.zeros((3, 2)),  # kernel
            np.full((3, 2), 2.0),  # and the size of its noise
            np.array([1.0, 1.0]),  # bias
            np.array([0.5, 0.5]),
            np.array([1.0, 2.0, -1.0]),  # noise of inputs
            np.array([1.0, -3.0]),  # noise of outputs
        ]
    )
    inputs = np.array([[1.0, 1.0, 1.0]], np.float32)
    np.testing.assert_allclose(layer(inputs), [[1.0, 1.0]])
    # 2 * (1 + 2 - 1) = 4, times the outputs' noise, plus biases with theirs.
    np.testing.assert_allclose(
        layer(inputs, training=True), [[4 + 1 + 0.5, -12 + 1 - 1.5]]
    )


def test_noise_is_that_of_the_paper():
    layer = NoisyDense(1000, 0.5)
    layer.build((None, 1000))
    np.testing.assert_allclose(layer.kernel_sigma, 0.5 / 1000**0.5)
    noise = draw_noise(np.random.default_rng(0), 2000)
    # sign(x) sqrt(|x|) of a normal x: the square has the mean of |x|.
    assert np.square(noise).mean() == pytest.approx((2 / np.pi) ** 0.5, rel=0.1)
    assert abs(np.sign(noise).mean()) < 0.1


def test_noise_of_inputs_comes_before_that_of_outputs():
    layer = noisy_layer()
    assert layer.noise_size == 5
    layer.set_noise(np.arange(5.0, dtype=np.float32))
    np.testing.assert_array_equal(layer.noise_in, [0, 1, 2])
    np.testing.assert_array_equal(layer.noise_out, [3, 4])


def test_without_noise_sizes_a_noisy_layer_is_dense():
    layer = noisy_layer(sigma=0.0)
    layer.set_noise(np.ones(5, np.float32))
    inputs = OBSERVATIONS[:, :3]
    np.testing.assert_allclose(layer(inputs, training=True), layer(inputs))


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
