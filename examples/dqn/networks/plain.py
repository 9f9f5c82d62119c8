"""The network alone, of Keras's own layers, as others are to load it."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from examples.dqn.networks.action_mask import (
    FOR_QUANTILES,
    respect_mask,
    respects_mask,
)
from examples.dqn.networks.noisy import NoisyDense, noisy_layers
from examples.dqn.networks.q_network import Dueling, build_q_network
from examples.dqn.settings.agent import NetworkSettings

# Where weights come from, which does not change what a network computes.
_ORIGINS = ("_initializer", "seed", "sigma")

_HEADS = ("q_values", "value", "advantage")

# Layers that give something the shape of quantiles, of which none are left.
_OF_QUANTILES = ("quantiles", FOR_QUANTILES)


class PlainNetwork:
    """A network that every Keras can load and that gives one value per action.

    Noise is left out, and so are the quantiles, whose mean is what is acted on. Where
    the network is `build_q_network`'s, both and the sum of a dueling network are
    folded into the weights of its heads, since all three are linear. Normalisation
    and action masks stay as they are: Keras's own layers.

    Args:
        network: One of the kind to write, which is taken over.
        settings: The settings of the network.
    """

    def __init__(self, network: Any, settings: NetworkSettings):
        self._source = network
        self._folds = is_ours(network, settings)
        if self._folds:
            self._calm = self.model = _folded(network)
        else:
            self._calm = _without_noise(network)
            self.model = _with_mean(network, self._calm)

    def set_weights(self, weights: Sequence[np.ndarray]) -> None:
        """Takes the weights of a network of the kind that this one was made of."""
        self._source.set_weights(weights)
        if self._folds:
            _fold_weights(self._source, self._calm)
        elif self._calm is not self._source:
            self._calm.set_weights(_calm_weights(self._source))

    def write(self, path: Path) -> None:
        """Writes it over an earlier one, which others may be reading."""
        unfinished = path.with_name(f".{path.name}")
        try:
            self.model.save(unfinished, include_optimizer=False)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)


def is_ours(network: Any, settings: NetworkSettings) -> bool:
    """Whether a network computes what `build_q_network` would make of the settings.

    Every layer is held against its own: kind, name, activation, precision and what
    it is connected to. Only where its weights came from may differ.
    """
    return _is_like(network, settings, lambda ours: ours)


def is_plain(network: Any, settings: NetworkSettings) -> bool:
    """As `is_ours`, of what `PlainNetwork` makes of such a network."""
    return _is_like(network, settings, _folded)


def _is_like(
    network: Any, settings: NetworkSettings, form: Callable[[Any], Any]
) -> bool:
    try:
        shape, actions = network.input_shape[1:], network.output_shape[1]
        ours = build_q_network(tuple(shape), actions, settings)
        ours = form(respect_mask(ours) if respects_mask(network) else ours)
        return type(network) is type(ours) and _form(network) == _form(ours)
    except Exception:  # a network of another kind may refuse in any way
        return False


def _form(network: Any) -> str:
    """All that decides what a network computes, but for its weights."""
    config = {**network.get_config(), "name": None}
    # Keras counts the operations that are no layers, in the whole process.
    names = {
        operation.name: f"operation_{index}"
        for index, operation in enumerate(network.operations)
        if not isinstance(operation, keras.layers.Layer)
    }
    config = _renamed(config, names)
    for layer in config["layers"]:
        layer["config"] = {
            name: value
            for name, value in layer["config"].items()
            if not name.endswith(_ORIGINS)
        }
    return json.dumps(config, sort_keys=True, default=str)


def _renamed(value: Any, names: dict[str, str]) -> Any:
    """A part of a config in which operations have other names."""
    if isinstance(value, dict):
        return {
            key: names.get(part, part)
            if key == "name" and isinstance(part, str)
            else _renamed(part, names)
            for key, part in value.items()
        }
    if isinstance(value, (list, tuple)):
        first, *rest = value or (None,)
        # Where a tensor comes from, such as ("clip_3", 0, 0).
        if isinstance(first, str) and len(rest) == 2:
            return [names.get(first, first), *rest]
        return [_renamed(part, names) for part in value]
    return value


def _folded(network: Any) -> keras.Model:
    """A network of ours without noise, whose heads give what is acted on."""
    actions = network.output_shape[1]

    def clone(layer: Any) -> Any:
        if layer.name in _HEADS and not isinstance(layer, Dueling):
            dtype = layer.dtype_policy.name
            return keras.layers.Dense(actions, name=layer.name, dtype=dtype)
        if isinstance(layer, Dueling):
            return keras.layers.Add(name=layer.name)
        if layer.name in _OF_QUANTILES:
            return keras.layers.Identity(name=layer.name)
        return _calm(layer)

    return keras.models.clone_model(network, clone_function=clone)


def _without_noise(network: Any) -> Any:
    """A network of any layers, of which those of ours are as they are in acting."""
    if not noisy_layers(network):
        return network
    calm = keras.models.clone_model(network, clone_function=_calm, recursive=True)
    # Inside a class of its own, Keras lets nobody exchange a layer.
    return network if noisy_layers(calm) else calm


def _with_mean(network: Any, plain: Any) -> Any:
    """A network that gives the mean of the quantiles, if there are any."""
    # What a Sequential has as well; its `output` it has not.
    [inputs], [values] = plain.inputs, plain.outputs
    if len(values.shape) == 2:
        return plain
    mean = keras.layers.GlobalAveragePooling1D(
        data_format="channels_first", name="mean_of_quantiles"
    )
    return keras.Model(inputs, mean(values), name=network.name)


def _calm(layer: Any) -> Any:
    """The layer that it is without noise."""
    if not isinstance(layer, NoisyDense):
        return type(layer).from_config(layer.get_config())
    dtype = layer.dtype_policy.name
    return keras.layers.Dense(layer.units, name=layer.name, dtype=dtype)


def _has_weights(layer: Any) -> bool:
    # Clones of those without any may have other names.
    return bool(layer.weights)


def _values(layer: Any) -> list[np.ndarray]:
    """The weights of a layer that it has without noise."""
    if isinstance(layer, NoisyDense):
        return [np.array(layer.kernel), np.array(layer.bias)]
    return [np.array(weight) for weight in layer.weights]


def _calm_weights(network: Any) -> list[np.ndarray]:
    """The weights of a network that it has without noise, in their order."""
    noisy = noisy_layers(network)
    noise = {id(weight) for layer in noisy for weight in layer.weights}
    noise -= {id(weight) for layer in noisy for weight in (layer.kernel, layer.bias)}
    return [np.array(weight) for weight in network.weights if id(weight) not in noise]


def _fold_weights(network: Any, plain: Any) -> None:
    actions = network.output_shape[1]
    for layer in filter(_has_weights, network.layers):
        values = _values(layer)
        if layer.name in _HEADS:
            values = [_fold(value, layer.name, actions) for value in values]
        plain.get_layer(layer.name).set_weights(values)


def _fold(weight: np.ndarray, name: str, actions: int) -> np.ndarray:
    """Kernel or bias of a head whose outputs are the actions' alone."""
    count = 1 if name == "value" else actions
    parts = weight.reshape(*weight.shape[:-1], count, -1).mean(axis=-1)
    if name == "advantage":
        parts = parts - parts.mean(axis=-1, keepdims=True)
    return np.broadcast_to(parts, (*weight.shape[:-1], actions))
