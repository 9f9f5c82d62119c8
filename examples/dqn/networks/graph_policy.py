"""Acting with a network that is too large for NumPy, in one compiled call."""

import functools
from typing import Any

import numpy as np
import tensorflow as tf

from examples.dqn.networks.noisy import noise_size, noisy_layers, spread_noise
from examples.dqn.networks.policy import Policy, draw_noise
from examples.dqn.networks.q_network import build_q_network
from examples.dqn.settings.agent import NetworkSettings


class GraphPolicy(Policy):
    """A copy of a network's weights.

    All copies act through one network, which takes over the weights of the one
    that is asked: a copy costs no compilation, and is pickled as its weights.

    Args:
        weights: Of a network that `build_q_network` made of the rest.
        observation_shape: Shape of one stack of images.
        num_actions: Actions to choose from.
        settings: The settings of the network.
    """

    def __init__(
        self,
        weights: list[np.ndarray],
        observation_shape: tuple[int, ...],
        num_actions: int,
        settings: NetworkSettings,
    ):
        self.weights = weights
        self.num_actions = num_actions
        self.frame_stack = observation_shape[0]
        self._form = observation_shape, num_actions, settings

    def q_values(self, observations: np.ndarray) -> np.ndarray:
        return _actor(*self._form).values(self, observations)

    def noisy_q_values(
        self, observations: np.ndarray, generator: np.random.Generator
    ) -> np.ndarray:
        actor = _actor(*self._form)
        noise = draw_noise(generator, actor.noise_size)
        return actor.values(self, observations, noise)


class _Actor:
    """A network outside of any strategy, and whose weights it has now."""

    def __init__(
        self,
        observation_shape: tuple[int, ...],
        num_actions: int,
        settings: NetworkSettings,
    ):
        self._network = build_q_network(
            observation_shape, num_actions, settings, name="actor"
        )
        self._noisy_layers = noisy_layers(self._network)
        self._owner: GraphPolicy | None = None
        # Any number of rows is one and the same function.
        batch = tf.TensorSpec((None, *observation_shape), tf.uint8)
        self.noise_size = noise_size(self._noisy_layers)
        noise = tf.TensorSpec((self.noise_size,), tf.float32)
        self._calm = tf.function(self._run, input_signature=[batch])
        self._excited = tf.function(self._run, input_signature=[batch, noise])

    def values(
        self,
        owner: GraphPolicy,
        observations: np.ndarray,
        noise: np.ndarray | None = None,
    ) -> np.ndarray:
        """Values under the owner's weights, with noise if there is any."""
        if self._owner is not owner:
            self._network.set_weights(owner.weights)
            self._owner = owner
        batch = tf.constant(observations, tf.uint8)
        if noise is None or not self.noise_size:
            return self._calm(batch).numpy()
        return self._excited(batch, tf.constant(noise)).numpy()

    def _run(self, batch: Any, noise: Any = None) -> Any:
        if noise is not None:
            spread_noise(self._noisy_layers, noise)
        values = self._network(batch, training=noise is not None)
        return tf.reduce_mean(values, axis=-1) if values.shape.rank == 3 else values


# One for the run at hand; a second one so that two can be compared.
@functools.lru_cache(maxsize=2)
def _actor(
    observation_shape: tuple[int, ...], num_actions: int, settings: NetworkSettings
) -> _Actor:
    return _Actor(observation_shape, num_actions, settings)
