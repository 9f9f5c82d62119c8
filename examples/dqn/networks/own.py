"""Networks that somebody else has made, held against what the agent needs."""

from collections.abc import Callable
from typing import Any

import keras

from examples.dqn.envs.images import sees_images
from examples.dqn.errors import ConfigError
from examples.dqn.networks.normalization import normalized
from examples.dqn.settings.agent import NetworkSettings

MakeNetwork = Callable[[tuple[int, ...], int], keras.Model]
"""From the shape of one observation and the number of actions to a network."""


def make_own_network(
    network: keras.Model | MakeNetwork,
    observation_shape: tuple[int, ...],
    num_actions: int,
    settings: NetworkSettings,
    seed: int,
    name: str,
) -> keras.Model:
    """A new network from somebody's own model or function.

    Args:
        network: A model, of which it is a copy with the same weights, or a function
            that makes one.
        observation_shape: Shape of one observation.
        num_actions: Actions to choose from.
        settings: Says whether it must describe the distribution of the return, and
            whether what it sees is normalised before.
        seed: Of what the function draws.
        name: Of the model.

    Raises:
        ConfigError: If the function makes no model, or the model does not map such
            observations to such values.
    """
    if isinstance(network, keras.Model):
        made = _copy(network)
    else:
        # So that a function without seeds makes the same weights in each run.
        keras.utils.set_random_seed(seed)
        made = network(observation_shape, num_actions)
        if not isinstance(made, keras.Model):
            raise ConfigError(
                "network must be a keras.Model or a function that makes one from the "
                f"shape of one observation and the number of actions. Received: {made}"
            )
    normalizes = settings.normalize_observations and not sees_images(observation_shape)
    fits = _is_functional(made) and made.input_shape == (None, *observation_shape)
    if normalizes or not fits:
        made = _wrap(made, observation_shape, normalizes, name)
    _check_outputs(made, observation_shape, num_actions, settings)
    return made


def _is_functional(network: Any) -> bool:
    return isinstance(network, (keras.Sequential, type(_smallest()))) and network.built


def _smallest() -> keras.Model:
    inputs = keras.Input((1,))
    return keras.Model(inputs, inputs)


def _copy(network: Any) -> keras.Model:
    copy = type(network).from_config(network.get_config())
    if network.built:
        if not copy.built:
            copy.build(network.input_shape)
        copy.set_weights(network.get_weights())
    return copy


def _wrap(
    network: Any, observation_shape: tuple[int, ...], normalizes: bool, name: str
) -> keras.Model:
    """A model of any class as one whose inputs and outputs are known."""
    dtype = "uint8" if sees_images(observation_shape) else None
    inputs = keras.Input(observation_shape, dtype=dtype, name="observation")
    seen = normalized(inputs) if normalizes else inputs
    try:
        return keras.Model(inputs, network(seen), name=name)
    except Exception as error:  # layers refuse shapes in ways of their own
        reason = " ".join(str(error).split())[:300]
        raise ConfigError(
            f"network must take observations of shape {observation_shape} ({reason}) "
            f"Received: network={network}"
        ) from error


def _check_outputs(
    network: Any,
    observation_shape: tuple[int, ...],
    num_actions: int,
    settings: NetworkSettings,
) -> None:
    values = f"(batch, {num_actions})"
    expected: tuple[int | None, ...] = (None, num_actions)
    if settings.distributional:
        values = f"(batch, {num_actions}, {settings.quantiles})"
        expected = (*expected, settings.quantiles)
    if network.output_shape != expected:
        raise ConfigError(
            f"network must map observations of shape {observation_shape} to values of "
            f"shape {values}. Received: a network with outputs of shape "
            f"{network.output_shape}"
        )
