"""Makes the network of a run: somebody's own, or that of the settings."""

from typing import Any

import keras

from examples.dqn.networks.action_mask import respect_mask
from examples.dqn.networks.own import make_own_network
from examples.dqn.networks.q_network import build_q_network
from examples.dqn.settings.config import Config


def make_network(
    own: Any,
    observation_shape: tuple[int, ...],
    num_actions: int,
    config: Config,
    name: str,
) -> keras.Model:
    """A new network, with all that the settings ask for whoever has made it.

    Args:
        own: A model or a function that makes one; None leaves it to the settings.
        observation_shape: Shape of one observation.
        num_actions: Actions to choose from.
        config: Whether it normalises what it sees and keeps to a mask, and the rest.
        name: Of the model.

    Raises:
        ConfigError: If an own one does not fit.
    """
    if own is None:
        network = build_q_network(
            observation_shape, num_actions, config, config.seed, name
        )
    else:
        network = make_own_network(
            own, observation_shape, num_actions, config, config.seed, name
        )
    return respect_mask(network) if config.action_mask == "on" else network
