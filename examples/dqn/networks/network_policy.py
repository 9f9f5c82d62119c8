"""Acting with a network of any layers: by the network itself, compiled."""

from typing import Any

import numpy as np
import tensorflow as tf

from examples.dqn.envs.images import sees_images
from examples.dqn.networks.action_mask import respects_mask
from examples.dqn.networks.noisy import noise_size, noisy_layers, spread_noise
from examples.dqn.networks.policy import Policy, draw_noise


class Actor:
    """A network outside of any strategy, and whose weights it has now.

    Args:
        network: What acts; it is taken over.
    """

    def __init__(self, network: Any):
        self.network = network
        _, *shape = network.input_shape
        self.is_image = sees_images(tuple(shape))
        self.frame_stack = shape[0] if self.is_image else None
        self.num_actions = network.output_shape[1]
        self.masked = respects_mask(network)
        self._noisy_layers = noisy_layers(network)
        self._owner: object = None
        # Any number of rows is one and the same function.
        self._dtype = tf.uint8 if self.is_image else tf.float32
        batch = tf.TensorSpec((None, *shape), self._dtype)
        self.noise_size = noise_size(self._noisy_layers)
        noise = tf.TensorSpec((self.noise_size,), tf.float32)
        self._calm = tf.function(self._run, input_signature=[batch])
        self._excited = tf.function(self._run, input_signature=[batch, noise])

    def values(
        self,
        owner: object,
        weights: list[np.ndarray],
        observations: np.ndarray,
        noise: np.ndarray | None = None,
    ) -> np.ndarray:
        """Values under the owner's weights, with noise if there is any."""
        if self._owner is not owner:
            self.network.set_weights(weights)
            self._owner = owner
        batch = tf.constant(observations, self._dtype)
        if noise is None or not self.noise_size:
            return self._calm(batch).numpy()
        return self._excited(batch, tf.constant(noise)).numpy()

    def _run(self, batch: Any, noise: Any = None) -> Any:
        if noise is not None:
            spread_noise(self._noisy_layers, noise)
        values = self.network(batch, training=noise is not None)
        return tf.reduce_mean(values, axis=-1) if values.shape.rank == 3 else values


class NetworkPolicy(Policy):
    """A copy of a network's weights, which an actor of its kind acts with.

    It is pickled as its weights, since somebody's own network may be made by a
    function that cannot be: whoever reads it gives it an actor again.

    Args:
        weights: In the order of the actor's network.
        actor: Shared by all copies, so that one costs no compilation.
    """

    def __init__(self, weights: list[np.ndarray], actor: Actor):
        self.weights = weights
        self.num_actions = actor.num_actions
        self.masked = actor.masked
        self.frame_stack = actor.frame_stack
        self._given: Actor | None = actor

    @property
    def actor(self) -> Actor:
        """What it acts with."""
        assert self._given is not None, "`give` must come first"
        return self._given

    def give(self, actor: Actor) -> None:
        """Gives it what it acts with, after it was read from a file."""
        self._given = actor

    def q_values(self, observations: np.ndarray) -> np.ndarray:
        return self.actor.values(self, self.weights, observations)

    def noisy_q_values(
        self, observations: np.ndarray, generator: np.random.Generator
    ) -> np.ndarray:
        noise = draw_noise(generator, self.actor.noise_size)
        return self.actor.values(self, self.weights, observations, noise)

    def __getstate__(self) -> dict[str, Any]:
        return {name: v for name, v in self.__dict__.items() if name != "_given"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _given=None)
