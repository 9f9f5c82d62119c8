"""Observations brought to mean 0 and variance 1, inside the network.

So replay and environments have them as they are, an evaluation has the statistics
of its network, and a checkpoint and a saved policy have them among their weights.
"""

from typing import Any

import keras
import numpy as np

LAYER = "normalization"
"""Name of the layer that holds the statistics."""

LIMIT = 10.0
"""Normalised entries end here, since one that hardly ever varied may be anything."""

EPSILON = 1e-8


def normalized(inputs: Any) -> Any:
    """Inputs minus their mean, over their standard deviation, within +-10.

    The layer is Keras's own, so that a saved network loads without anything of
    ours; its statistics are not those of the batch, but what `set_moments` gives.
    """
    layer = keras.layers.BatchNormalization(
        center=False, scale=False, epsilon=EPSILON, name=LAYER, dtype="float32"
    )
    layer.trainable = False
    return keras.ops.clip(layer(inputs), -LIMIT, LIMIT)


def set_moments(network: keras.Model, mean: np.ndarray, variance: np.ndarray) -> None:
    """Gives the statistics to a network that normalises."""
    layer = network.get_layer(LAYER)
    layer.moving_mean.assign(mean)
    layer.moving_variance.assign(variance)


def moments_of(network: keras.Model) -> tuple[np.ndarray, np.ndarray] | None:
    """Mean and variance that a network normalises by, None if it does not."""
    for layer in network.layers:
        if layer.name == LAYER:
            parts = layer.moving_mean, layer.moving_variance
            mean, variance = map(keras.ops.convert_to_numpy, parts)
            return mean.copy(), variance.copy()
    return None
