"""Acting with a network of ours that is too large for NumPy."""

import functools

import numpy as np

from examples.dqn.networks.network_policy import Actor, NetworkPolicy
from examples.dqn.networks.q_network import build_q_network
from examples.dqn.settings.agent import NetworkSettings


class GraphPolicy(NetworkPolicy):
    """A copy of a network's weights, which knows how to build an actor.

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

    @property
    def actor(self) -> Actor:
        return _actor(*self._form)


# One for the run at hand; a second one so that two can be compared.
@functools.lru_cache(maxsize=2)
def _actor(
    observation_shape: tuple[int, ...], num_actions: int, settings: NetworkSettings
) -> Actor:
    network = build_q_network(observation_shape, num_actions, settings, name="actor")
    return Actor(network)
