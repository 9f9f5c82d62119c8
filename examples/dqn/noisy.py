"""A dense layer that explores by itself: its weights carry learned noise."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops


@keras.saving.register_keras_serializable("dqn")
class NoisyDense(keras.layers.Layer):
    """`inputs @ (kernel + kernel_sigma * noise) + bias + bias_sigma * noise`.

    The noise of the kernel is an outer product of two vectors, which are drawn
    by `resample` and by nothing else. Only calls with `training=True` have it:
    without, the layer is the dense layer of its mean weights.

    Args:
        units: Outputs. At least 1.
        sigma: Initial size of the noise, before division by the square root of
            the number of inputs. At least 0.
        seed: Seed of the initial weights and of the noise.

    References:
        Fortunato et al., Noisy Networks for Exploration, 2018.
        https://arxiv.org/abs/1706.10295
    """

    def __init__(self, units: int, sigma: float = 0.5, seed: int = 0, **kwargs: Any):
        super().__init__(**kwargs)
        self.units, self.sigma, self.seed = units, sigma, seed

    def build(self, input_shape: Any) -> None:
        """Makes weights, their noise sizes and the noise."""
        inputs, outputs = input_shape[-1], self.units
        bound = inputs**-0.5

        def add(name: str, shape: tuple[int, ...], seed: int) -> Any:
            means = keras.initializers.RandomUniform(-bound, bound, seed=seed)
            sizes = keras.initializers.Constant(self.sigma * bound)
            return (
                self.add_weight(shape=shape, name=name, initializer=means),
                self.add_weight(shape=shape, name=f"{name}_sigma", initializer=sizes),
            )

        self.kernel, self.kernel_sigma = add("kernel", (inputs, outputs), self.seed)
        self.bias, self.bias_sigma = add("bias", (outputs,), self.seed + 1)
        self.noise_in, self.noise_out = (
            self.add_weight(shape=(size,), name=name, trainable=False)
            for size, name in ((inputs, "noise_in"), (outputs, "noise_out"))
        )

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Applies the layer, with noise while training."""
        values = inputs @ self.kernel + self.bias
        if not training:
            return values
        # The outer product, taken apart: no noisy kernel is ever made.
        noise = ((inputs * self.noise_in) @ self.kernel_sigma) * self.noise_out
        return values + noise + self.bias_sigma * self.noise_out

    def resample(self, number: Any) -> None:
        """Draws the noise that belongs to a number, always the same."""
        for offset, noise in enumerate((self.noise_in, self.noise_out)):
            seed = tf.stack([2 * self.seed + offset, tf.cast(number, tf.int32)])
            # Named, since XLA would choose another than the rest of TensorFlow.
            normal = tf.random.stateless_normal(noise.shape, seed, alg="philox")
            noise.assign(ops.sign(normal) * ops.sqrt(ops.abs(normal)))

    def get_config(self) -> dict[str, Any]:
        """Returns what the layer is made from."""
        own = {"units": self.units, "sigma": self.sigma, "seed": self.seed}
        return {**super().get_config(), **own}
