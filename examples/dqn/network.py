"""The Q-network: a plain MLP."""

from collections.abc import Sequence

import keras


def build_q_network(
    observation_shape: tuple[int, ...],
    num_actions: int,
    hidden_sizes: Sequence[int],
    seed: int,
    name: str = "q_network",
) -> keras.Model:
    """A network from observations to one value per action.

    Kernels and biases start uniform in +-1/sqrt(fan_in), as in PyTorch. With
    Keras's Glorot kernels and zero biases, CartPole fails on some seeds.
    """
    inputs = keras.Input(observation_shape, name="observation")
    values, fan_in = inputs, observation_shape[-1]
    sizes = [*hidden_sizes, num_actions]
    for index, size in enumerate(sizes):
        values = keras.layers.Dense(
            size,
            activation=None if index == len(sizes) - 1 else "relu",
            kernel_initializer=_uniform(fan_in, seed=seed + 2 * index),
            bias_initializer=_uniform(fan_in, seed=seed + 2 * index + 1),
            name="q_values" if index == len(sizes) - 1 else f"hidden_{index}",
        )(values)
        fan_in = size
    return keras.Model(inputs, values, name=name)


def _uniform(fan_in: int, seed: int) -> keras.Initializer:
    bound = fan_in**-0.5
    return keras.initializers.RandomUniform(-bound, bound, seed=seed)
