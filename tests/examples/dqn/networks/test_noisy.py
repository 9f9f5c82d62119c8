"""Layers whose weights carry noise."""

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)

from examples.dqn.networks.noisy import NoisyDense
from examples.dqn.networks.policy import draw_noise


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
    inputs = np.random.default_rng(0).normal(size=(32, 3)).astype(np.float32)
    np.testing.assert_allclose(layer(inputs, training=True), layer(inputs))
