"""Which kind of policy acts with a network."""

from typing import Any

from examples.dqn.envs.images import sees_images
from examples.dqn.networks.graph_policy import GraphPolicy
from examples.dqn.networks.numpy_policy import NumpyPolicy
from examples.dqn.networks.policy import Policy
from examples.dqn.settings.agent import NetworkSettings


def policy_of(network: Any, settings: NetworkSettings) -> Policy:
    """A policy that acts with a copy of a network's weights, as they are now.

    Args:
        network: What `build_q_network` made of `settings`.
        settings: The settings of the network.
    """
    _, *shape = network.input_shape
    if not sees_images(tuple(shape)):
        return NumpyPolicy(network)
    actions = network.output_shape[1]
    return GraphPolicy(network.get_weights(), tuple(shape), actions, settings)
