"""The part of the network that looks at images, below the dense layers."""

from collections.abc import Callable
from typing import Any

import keras

# (filters, kernel size, stride) of each layer.
NATURE = ((32, 8, 4), (64, 4, 2), (64, 3, 1))
SMALL = ((32, 3, 1), (64, 3, 2))

# The smallest side of which the strides of NATURE leave anything.
NATURE_SIDE = 36

Initializers = Callable[[int], dict[str, keras.initializers.Initializer]]


def convolutional_torso(
    inputs: Any, initializers: Initializers, dtype: str = "float32"
) -> Any:
    """Convolutions from a stack of byte images to one vector.

    The layers are those of Nature's DQN, or, for images that those would shrink
    to nothing, two of 3x3. They work on `(height, width, frames * channels)`,
    which is the order that convolutions on a CPU want.

    Args:
        inputs: Bytes of shape `(batch, frames, height, width, channels)`.
        initializers: From the inputs of a unit to the initializers of its layer.
        dtype: Policy of the convolutions, for mixed precision.

    References:
        Mnih et al., Human-level control through deep reinforcement learning,
        2015. https://doi.org/10.1038/nature14236
    """
    _, frames, height, width, channels = inputs.shape
    layers = keras.layers
    # The bytes are moved, since they are a quarter of the floats.
    values = layers.Permute((2, 3, 1, 4), name="frames_last")(inputs)
    shape = (height, width, frames * channels)
    values = layers.Reshape(shape, name="image")(values)
    values = layers.Rescaling(1 / 255, name="scale")(values)
    is_large = min(height, width) >= NATURE_SIDE
    for index, (filters, size, stride) in enumerate(NATURE if is_large else SMALL):
        convolution = layers.Conv2D(
            filters,
            size,
            stride,
            padding="valid" if is_large else "same",
            activation="relu",
            data_format="channels_last",
            dtype=dtype,
            name=f"convolution_{index}",
            **initializers(size * size * values.shape[-1]),
        )
        values = convolution(values)
    return layers.Flatten(name="features")(values)
