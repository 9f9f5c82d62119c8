"""The Q-network: dense layers, with the parts that the settings switch on."""

from typing import Any

import keras

from examples.dqn.envs.images import sees_images
from examples.dqn.networks.convolutions import convolutional_torso
from examples.dqn.networks.noisy import NoisyDense
from examples.dqn.networks.normalization import normalized
from examples.dqn.settings.agent import NetworkSettings


def build_q_network(
    observation_shape: tuple[int, ...],
    num_actions: int,
    settings: NetworkSettings,
    seed: int = 0,
    name: str = "q_network",
) -> keras.Model:
    """A network from observations to the values of all actions.

    Its layers are named `hidden_0`, `hidden_1`, ... and `q_values`. A dueling
    network has its last hidden layer twice, `value_hidden` and
    `advantage_hidden`, below heads named `value` and `advantage`. With noise, the
    last hidden layer and the heads have it. A stack of images, of shape
    `(frames, height, width, channels)`, goes through convolutions first.

    Args:
        observation_shape: Shape of one observation.
        num_actions: Actions to choose from.
        settings: Its layers.
        seed: Seed of its weights.
        name: Of the model.

    Kernels and biases start uniform in +-1/sqrt(fan_in), as in PyTorch. With
    Keras's Glorot kernels and zero biases, CartPole fails on some seeds.

    Returns:
        A model whose output has the shape `(batch, actions)`, or
        `(batch, actions, quantiles)` if the settings are distributional.
    """
    parts = _Parts(settings, seed)
    is_image = sees_images(observation_shape)
    dtype = "uint8" if is_image else None
    values = inputs = keras.Input(observation_shape, dtype=dtype, name="observation")
    if is_image:
        values = convolutional_torso(values, parts.initializers, parts.dtype)
    elif settings.normalize_observations:
        values = normalized(values)
    *torso, last = settings.hidden_sizes
    for index, size in enumerate(torso):
        values = parts.hidden(values, size, f"hidden_{index}")
    quantiles = settings.quantiles if settings.distributional else 1
    if settings.dueling:
        value, advantage = (
            parts.dense(
                parts.hidden(values, last, f"{stream}_hidden", noisy=settings.noisy),
                outputs * quantiles,
                stream,
                noisy=settings.noisy,
            )
            for stream, outputs in (("value", 1), ("advantage", num_actions))
        )
        outputs = Dueling(num_actions, name="q_values")([value, advantage])
    else:
        values = parts.hidden(values, last, f"hidden_{len(torso)}", settings.noisy)
        outputs = parts.dense(
            values, num_actions * quantiles, "q_values", noisy=settings.noisy
        )
    if settings.distributional:
        shape = (num_actions, quantiles)
        outputs = keras.layers.Reshape(shape, name="quantiles")(outputs)
    return keras.Model(inputs, outputs, name=name)


@keras.saving.register_keras_serializable("dqn")
class Dueling(keras.layers.Layer):
    """`value + advantage - mean of the advantages`, for each quantile.

    Args:
        num_actions: Actions that the advantages are for.

    References:
        Wang et al., Dueling Network Architectures for Deep Reinforcement
        Learning, 2016. https://arxiv.org/abs/1511.06581
    """

    def __init__(self, num_actions: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.num_actions = num_actions

    def call(self, streams: Any) -> Any:
        """Joins `(batch, quantiles)` and `(batch, actions * quantiles)`."""
        value, advantage = streams
        shape = (-1, self.num_actions, value.shape[-1])
        advantage = keras.ops.reshape(advantage, shape)
        centred = advantage - keras.ops.mean(advantage, axis=1, keepdims=True)
        joined = value[:, None, :] + centred
        return keras.ops.reshape(joined, (-1, self.num_actions * value.shape[-1]))

    def get_config(self) -> dict[str, Any]:
        """Returns what the layer is made from."""
        return {**super().get_config(), "num_actions": self.num_actions}


class _Parts:
    """Makes layers, each with a seed of its own."""

    def __init__(self, settings: NetworkSettings, seed: int):
        self._settings = settings
        self._seed = seed
        self.dtype = "mixed_bfloat16" if settings.mixed_precision else "float32"

    def hidden(self, inputs: Any, units: int, name: str, noisy: bool = False) -> Any:
        values = self.dense(inputs, units, name, noisy, self.dtype)
        if self._settings.layer_norm:
            values = keras.layers.LayerNormalization(
                epsilon=1e-5, name=f"{name}_norm", dtype=self.dtype
            )(values)
        return keras.layers.ReLU(name=f"{name}_relu", dtype=self.dtype)(values)

    def dense(
        self,
        inputs: Any,
        units: int,
        name: str,
        noisy: bool = False,
        dtype: str = "float32",
    ) -> Any:
        if noisy:
            sigma, seed = self._settings.noisy_sigma, self._next_seed()
            return NoisyDense(units, sigma, seed=seed, name=name, dtype=dtype)(inputs)
        initializers = self.initializers(inputs.shape[-1])
        dense = keras.layers.Dense(units, name=name, dtype=dtype, **initializers)
        return dense(inputs)

    def initializers(self, fan_in: int) -> dict[str, keras.initializers.Initializer]:
        """Those of a layer whose units have `fan_in` inputs each."""
        bound, seed = fan_in**-0.5, self._next_seed()
        kernel, bias = (
            keras.initializers.RandomUniform(-bound, bound, seed=seed + i)
            for i in range(2)
        )
        return {"kernel_initializer": kernel, "bias_initializer": bias}

    def _next_seed(self) -> int:
        seed, self._seed = self._seed, self._seed + 2
        return seed
