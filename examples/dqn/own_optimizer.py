"""The optimizer of a run: somebody's own, or that of the configuration."""

from typing import Any

import keras

import keras_gradclip
from examples.dqn.errors import ConfigError
from examples.dqn.optimizer import make_optimizer
from examples.dqn.parts import Parts
from examples.dqn.settings.config import Config


def make_own_optimizer(parts: Parts, config: Config) -> keras.optimizers.Optimizer:
    """A new optimizer, so that each run begins with a fresh one.

    Args:
        parts: May have an optimizer or a function from the number of updates to one,
            or a clipper.
        config: Says the rest.

    Raises:
        ConfigError: If it has both, or what is neither.
    """
    if parts.optimizer is None:
        if parts.clipper is None:
            return make_optimizer(config, config, config.total_updates)
        optimizer = make_optimizer(config, config, config.total_updates)
        copy = {**optimizer.get_config(), "clipper": _clipper_of(parts.clipper)}
        return type(optimizer).from_config(copy)
    if parts.clipper is not None:
        raise ConfigError(
            "clipper must be the argument of the optimizer, if there is an own one. "
            f"Received: optimizer={parts.optimizer}, clipper={parts.clipper}"
        )
    made = parts.optimizer
    if not isinstance(made, keras.optimizers.Optimizer) and callable(made):
        made = made(config.total_updates)
    if not isinstance(made, keras.optimizers.Optimizer):
        raise ConfigError(
            "optimizer must be a Keras optimizer or a function from the number of "
            f"updates to one. Received: optimizer={parts.optimizer}"
        )
    return type(made).from_config(made.get_config())


def _clipper_of(clipper: Any) -> Any:
    try:
        return keras_gradclip.clippers.get(clipper)
    except (TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(
            f"clipper must be one of keras_gradclip's ({reason}) "
            f"Received: clipper={clipper}"
        ) from error
