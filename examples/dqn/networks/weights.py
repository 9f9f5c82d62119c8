"""Which weights of two networks follow each other, and what else changes in one."""

from typing import Any

import keras

from examples.dqn.networks.noisy import noisy_layers


def moving_weights(target: keras.Model, online: keras.Model) -> list[tuple[Any, Any]]:
    """Those weights of the target that follow the online network's.

    Running means of own layers do, noise does not: it is drawn for each.
    """
    noise = {
        id(weight)
        for layer in noisy_layers(target)
        for weight in layer.non_trainable_weights
    }
    return [
        (weight, source)
        for weight, source in zip(target.weights, online.weights)
        if id(weight) not in noise and "float" in weight.dtype
    ]


def states_of_chance(network: keras.Model) -> list[Any]:
    """The state of what layers draw from, of dropout for example."""
    known = {id(weight) for weight in network.weights}
    known |= {id(v) for metric in network.metrics for v in metric.variables}
    return [v for v in network.non_trainable_variables if id(v) not in known]
