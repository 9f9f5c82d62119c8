"""Which kind of policy acts with a network."""

from collections.abc import Callable
from typing import Any

import keras

from examples.dqn.envs.images import sees_images
from examples.dqn.networks.graph_policy import GraphPolicy
from examples.dqn.networks.network_policy import Actor, NetworkPolicy
from examples.dqn.networks.numpy_policy import NumpyPolicy
from examples.dqn.networks.plain import is_ours, is_plain
from examples.dqn.networks.policy import Policy
from examples.dqn.settings.agent import NetworkSettings


class Acting:
    """Makes policies of a network, as it is whenever it is asked.

    A network whose every layer is the one that `build_q_network` makes of the
    settings is acted with in NumPy, or in one compiled call if it sees images. Any
    other network acts itself, through a copy of it.

    Args:
        network: What learns.
        settings: The settings of the network.
        copy: Makes another network of its kind, its weights whatever they are; None
            clones it.
    """

    def __init__(
        self,
        network: Any,
        settings: NetworkSettings,
        copy: Callable[[], Any] | None = None,
    ):
        self._network = network
        self._settings = settings
        self._shape = tuple(network.input_shape[1:])
        self._ours = is_ours(network, settings)
        self._in_numpy = not sees_images(self._shape) and (
            self._ours or is_plain(network, settings)
        )
        self._actor: Actor | None = None
        if not self._in_numpy and not self._ours:
            make = copy or (lambda: keras.models.clone_model(network))
            self._actor = Actor(make())

    def policy(self) -> Policy:
        """A policy that acts with a copy of the weights, as they are now."""
        if self._in_numpy:
            return NumpyPolicy(self._network)
        weights = self._network.get_weights()
        if self._actor is not None:
            return NetworkPolicy(weights, self._actor)
        actions = self._network.output_shape[1]
        return GraphPolicy(weights, self._shape, actions, self._settings)

    def revive(self, policy: Policy) -> Policy:
        """Makes a policy that was read from a file act again."""
        if self._actor is not None and isinstance(policy, NetworkPolicy):
            policy.give(self._actor)
        return policy


def policy_of(network: Any, settings: NetworkSettings) -> Policy:
    """A policy that acts with a copy of a network's weights, as they are now.

    Args:
        network: From observations to the values of all actions.
        settings: The settings of the network, if it is `build_q_network`'s.
    """
    return Acting(network, settings).policy()
