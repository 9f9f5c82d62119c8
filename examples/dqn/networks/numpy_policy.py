"""Acting without a dispatch into TensorFlow.

One forward pass of a small network takes NumPy about 10 microseconds, less than
it takes to call into TensorFlow at all. So the agent acts with a NumPy copy of
the online network, made anew after each block of updates.
"""

from typing import Any, NamedTuple

import numpy as np

from examples.dqn.networks.action_mask import FORBIDDEN, respects_mask
from examples.dqn.networks.normalization import EPSILON, LIMIT, moments_of
from examples.dqn.networks.policy import Policy, draw_noise, mask_of


class Dense(NamedTuple):
    """A dense layer, with what may come between it and the next one."""

    kernel: np.ndarray
    bias: np.ndarray
    sigmas: tuple[np.ndarray, np.ndarray] | None = None
    """Sizes of the noise of kernel and bias, in a noisy layer."""
    norm: tuple[np.ndarray, np.ndarray] | None = None
    """Scale and shift of the layer normalisation after it."""

    def with_noise(self, generator: np.random.Generator) -> "Dense":
        """The layer that one draw of its noise makes of it."""
        if self.sigmas is None:
            return self
        before, after = (draw_noise(generator, size) for size in self.kernel.shape)
        kernel = self.kernel + self.sigmas[0] * np.outer(before, after)
        return self._replace(kernel=kernel, bias=self.bias + self.sigmas[1] * after)

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        values = np.dot(inputs, self.kernel)
        values += self.bias
        if self.norm is not None:
            values -= values.mean(axis=-1, keepdims=True)
            variance = np.square(values).mean(axis=-1, keepdims=True)
            values *= self.norm[0] / np.sqrt(variance + 1e-5)
            values += self.norm[1]
        return values


class NumpyPolicy(Policy):
    """A copy of a network that `build_q_network` made.

    Args:
        network: What to copy.
    """

    def __init__(self, network: Any):
        self.weights = network.get_weights()
        self.num_actions = network.output_shape[1]
        self.masked = respects_mask(network)
        self._moments = moments_of(network)
        layers = _dense_layers(network)
        # A chain of layers, or two behind a common one if the network is dueling.
        self._torso = [
            layer for name, layer in layers.items() if name.startswith("hidden_")
        ]
        heads = [name for name in ("q_values", "value", "advantage") if name in layers]
        self._heads = [
            [layers[part] for part in (f"{name}_hidden", name) if part in layers]
            for name in heads
        ]
        self._is_noisy = any(layer.sigmas for layer in layers.values())

    def q_values(self, observations: np.ndarray) -> np.ndarray:
        return self._forward(observations, self._torso, self._heads)

    def noisy_q_values(
        self, observations: np.ndarray, generator: np.random.Generator
    ) -> np.ndarray:
        return self._forward(observations, *self._with_noise(generator))

    def explore(
        self, observations: np.ndarray, epsilon: float, generator: np.random.Generator
    ) -> np.ndarray:
        if len(observations) > 1:
            return super().explore(observations, epsilon, generator)
        # The usual case. A vector costs half of what a matrix of one row does.
        if generator.random() < epsilon:
            return self.random(observations, generator)
        values = self.noisy_q_values(observations[0], generator)
        return values.argmax(axis=-1, keepdims=True)

    def _with_noise(
        self, generator: np.random.Generator
    ) -> tuple[list[Dense], list[list[Dense]]]:
        """Torso and heads with new noise, where they have any."""
        if not self._is_noisy:
            return self._torso, self._heads
        torso, *heads = (
            [layer.with_noise(generator) for layer in chain]
            for chain in (self._torso, *self._heads)
        )
        return torso, heads

    def _forward(
        self, observations: np.ndarray, torso: list[Dense], heads: list[list[Dense]]
    ) -> np.ndarray:
        values = np.asarray(observations, np.float32)
        if self._moments is not None:
            mean, variance = self._moments
            values = (values - mean) / np.sqrt(variance + np.float32(EPSILON))
            values = np.clip(values, -LIMIT, LIMIT)
        for layer in torso:
            values = _relu(layer(values))
        streams = []
        for *hidden, head in heads:
            stream = values
            for layer in hidden:
                stream = _relu(layer(stream))
            streams.append(head(stream))
        values = streams[-1]
        if values.shape[-1] > self.num_actions:  # quantiles
            shape = (*values.shape[:-1], self.num_actions, -1)
            values = values.reshape(shape).mean(axis=-1)
        if len(streams) == 2:  # dueling
            values = values - values.mean(axis=-1, keepdims=True)
            values += streams[0].mean(axis=-1, keepdims=True)
        if self.masked:
            mask = mask_of(observations, self.num_actions)
            values = np.where(mask > 0, values, np.float32(FORBIDDEN))
        return values


def _relu(values: np.ndarray) -> np.ndarray:
    return np.maximum(values, 0, out=values)


def _dense_layers(network: Any) -> dict[str, Dense]:
    """The dense layers of a network by name, the first one first."""
    layers = {}
    for layer in network.layers:
        arrays = {weight.name: np.array(weight) for weight in layer.weights}
        if "kernel" in arrays:
            sigmas = None
            if "kernel_sigma" in arrays:
                sigmas = arrays["kernel_sigma"], arrays["bias_sigma"]
            layers[layer.name] = Dense(arrays["kernel"], arrays["bias"], sigmas)
        elif "gamma" in arrays:
            name = layer.name.removesuffix("_norm")
            norm = arrays["gamma"], arrays["beta"]
            layers[name] = layers[name]._replace(norm=norm)
    return layers
