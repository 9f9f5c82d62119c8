"""Adam with the clipping rule that the configuration names."""

from math import ceil
from typing import Any

import keras
import numpy as np

import keras_gradclip
from examples.dqn.errors import ConfigError
from examples.dqn.settings.config import Config


def make_optimizer(config: Config) -> keras.optimizers.Optimizer:
    """Adam with its clipper inside."""
    return keras_gradclip.optimizers.Adam(
        _learning_rate(config),
        epsilon=config.adam_epsilon,
        clipper=make_clipper(config),
    )


def make_clipper(config: Config) -> keras_gradclip.Clipper | None:
    """The clipper that the configuration names, None for none."""
    if config.clipper == "none":
        return None
    rules: dict[str, tuple[type[keras_gradclip.Clipper], dict[str, Any]]] = {
        "norm": (keras_gradclip.ClipByNorm, {"max_norm": config.clip_norm}),
        "value": (keras_gradclip.ClipByValue, {"value": config.clip_value}),
        "autoclip": (
            keras_gradclip.AutoClip,
            {"percentile": config.clip_percentile, "window": config.clip_window},
        ),
        "agc": (keras_gradclip.AGC, {}),
        "zclip": (keras_gradclip.ZClip, {}),
        "adagc": (keras_gradclip.AdaGC, {}),
        "quantile": (keras_gradclip.QuantileClip, {}),
    }
    rule, arguments = rules[config.clipper]
    if config.clip_scope is not None:
        arguments["scope"] = config.clip_scope
    try:
        return rule(**arguments)
    except ValueError as error:  # a scope that the rule does not know
        raise ConfigError(" ".join(str(error).split())) from error


def _learning_rate(
    config: Config,
) -> "float | keras.optimizers.schedules.LearningRateSchedule":
    start, end = config.learning_rate, config.learning_rate_end
    if config.learning_rate_schedule == "constant" or start == end:
        return start
    # Cycles that end with a block of updates: all but those before the start.
    cycles = ceil(config.total_steps / config.train_every)
    blocks = cycles - ceil(config.learning_starts / config.train_every) + 1
    steps = blocks * config.updates_per_train
    schedules = keras.optimizers.schedules
    if config.learning_rate_schedule == "cosine":
        return schedules.CosineDecay(start, steps, alpha=end / start)
    return schedules.PolynomialDecay(start, steps, end_learning_rate=end)


def clip_history(
    optimizer: keras.optimizers.Optimizer, since: int
) -> dict[str, np.ndarray]:
    """What the clipper did in each update after the first `since`.

    Returns:
        "norm" and "threshold", the medians over the groups, and "clipped", the
        share of groups scaled down; each of shape `(updates,)`. Empty without a
        clipper.
    """
    if getattr(optimizer, "clipper", None) is None:
        return {}
    history = optimizer.clip_history(since=since)
    return {
        "norm": np.median(history["norm"], axis=1),
        "threshold": np.median(history["threshold"], axis=1),
        "clipped": (history["scale"] < 1).mean(axis=1),
    }
