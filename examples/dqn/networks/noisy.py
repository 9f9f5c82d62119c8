"""A dense layer that explores by itself: its weights carry learned noise."""

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from examples.dqn.networks.policy import draw_noise


@keras.saving.register_keras_serializable("dqn")
class NoisyDense(keras.layers.Layer):
    """`inputs @ (kernel + kernel_sigma * noise) + bias + bias_sigma * noise`.

    The noise of the kernel is an outer product of two vectors, which `set_noise`
    alone changes. Only calls with `training=True` have it: without, the layer is
    the dense layer of its mean weights.

    Args:
        units: Outputs. At least 1.
        sigma: Initial size of the noise, before division by the square root of
            the number of inputs. At least 0.
        seed: Seed of the initial weights.

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

    @property
    def noise_size(self) -> int:
        """How many numbers `set_noise` takes."""
        return self.noise_in.shape[0] + self.noise_out.shape[0]

    def set_noise(self, noise: Any) -> None:
        """Takes the noise of inputs and outputs, end to end in one vector."""
        inputs = self.noise_in.shape[0]
        self.noise_in.assign(noise[:inputs])
        self.noise_out.assign(noise[inputs:])

    def get_config(self) -> dict[str, Any]:
        """Returns what the layer is made from."""
        own = {"units": self.units, "sigma": self.sigma, "seed": self.seed}
        return {**super().get_config(), **own}


def noisy_layers(*networks: keras.Model) -> list[NoisyDense]:
    """Those layers of networks that have noise, in their order."""
    layers = (layer for network in networks for layer in _all_layers(network))
    return [layer for layer in layers if isinstance(layer, NoisyDense)]


def _all_layers(network: keras.Model) -> Iterator[Any]:
    """The layers of a network, and of the networks among them."""
    for layer in network.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from _all_layers(layer)


def noise_size(layers: Sequence[NoisyDense]) -> int:
    """How many numbers the noise of all these layers takes."""
    return sum(layer.noise_size for layer in layers)


def spread_noise(layers: Sequence[NoisyDense], noise: Any) -> None:
    """Gives each layer its share of a vector."""
    start = 0
    for layer in layers:
        layer.set_noise(noise[start : start + layer.noise_size])
        start += layer.noise_size


def noise_of_updates(
    layers: Sequence[NoisyDense], seed: int, first: int, count: int
) -> np.ndarray:
    """The noise of gradient steps, shape `(count, numbers)`.

    It depends on the seed and the number of each step alone, so that a run goes on
    with the right one. NumPy draws it because TensorFlow draws other numbers with
    XLA than without.

    Args:
        layers: What the noise is for.
        seed: Of the run.
        first: Gradient steps before these.
        count: How many steps.
    """
    size = noise_size(layers)
    if not size:
        return np.zeros((count, 0), np.float32)
    generators = (
        np.random.default_rng([seed, number]) for number in range(first, first + count)
    )
    return np.stack([draw_noise(generator, size) for generator in generators])
