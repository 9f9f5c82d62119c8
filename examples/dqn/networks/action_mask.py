"""Actions that are not allowed now have values that nobody chooses.

The mask is the end of the observation, 1 where an action is allowed, so that replay,
targets, evaluation and the saved network have it where they have the observation.
"""

import keras

FORBIDDEN = -1e9
"""The value of an action that is not allowed."""

LAYER = "action_mask"
"""Name of the layer by which a network with a mask is known."""

FOR_QUANTILES = "action_mask_of_quantiles"
"""Name of the layer that gives the mask the shape of quantiles."""


def respect_mask(network: keras.Model) -> keras.Model:
    """A network whose values of actions that are not allowed are far below all others.

    It is made of Keras's own layers, so that it loads without anything of ours.

    Args:
        network: From observations that end with a mask to the values of all actions.
    """
    # What a Sequential has as well; its `output` it has not.
    [inputs], [values] = network.inputs, network.outputs
    num_actions = values.shape[1]
    mask = keras.layers.Identity(name=LAYER)(inputs[:, -num_actions:])
    if len(values.shape) == 3:  # quantiles
        mask = keras.layers.Reshape((num_actions, 1), name=FOR_QUANTILES)(mask)
    # No sum, which a compiler may put in another order and lose the values in it.
    masked = keras.ops.where(mask > 0, values, FORBIDDEN)
    return keras.Model(inputs, masked, name=network.name)


def respects_mask(network: keras.Model) -> bool:
    """Whether a network is one that `respect_mask` made."""
    return any(
        layer.name == LAYER and isinstance(layer, keras.layers.Identity)
        for layer in network.layers
    )
