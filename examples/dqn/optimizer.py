"""Adam with the clipping rule that the configuration names."""

from typing import Any

import keras
import numpy as np

import keras_gradclip
from examples.dqn.errors import ConfigError
from examples.dqn.settings.agent import ClippingSettings, OptimizerSettings


def make_optimizer(
    settings: OptimizerSettings, clipping: ClippingSettings, updates: int
) -> keras.optimizers.Optimizer:
    """Adam with its clipper inside, for so many updates."""
    return keras_gradclip.optimizers.Adam(
        _learning_rate(settings, updates),
        epsilon=settings.adam_epsilon,
        clipper=make_clipper(clipping),
    )


def make_clipper(settings: ClippingSettings) -> keras_gradclip.Clipper | None:
    """The rule that the settings name, None for none."""
    if settings.clipper == "none":
        return None
    by_default = keras_gradclip.clippers.get(settings.clipper)
    assert by_default is not None
    rule: type[Any] = type(by_default)
    percentile, window = settings.clip_percentile, settings.clip_window
    numbers: dict[str, dict[str, Any]] = {
        "autoclip": {"percentile": percentile, "window": window},
        "clip_by_norm": {"max_norm": settings.clip_max_norm},
        "clip_by_value": {"value": settings.clip_value},
    }
    arguments = numbers.get(settings.clipper, {})
    if settings.clip_scope is not None:
        arguments["scope"] = settings.clip_scope
    try:
        return rule(**arguments)
    except ValueError as error:  # a scope that the rule does not know
        reason = " ".join(str(error).split()).partition(" Received:")[0]
        reason = reason.replace("`scope` must be", "it must be").rstrip(".")
        raise ConfigError(
            f"clip_scope must be one that clipper={settings.clipper!r} knows "
            f"({reason}) Received: clip_scope={settings.clip_scope!r}"
        ) from error


def _learning_rate(
    settings: OptimizerSettings, updates: int
) -> "float | keras.optimizers.schedules.LearningRateSchedule":
    start, end = settings.learning_rate, settings.learning_rate_end
    if settings.learning_rate_schedule == "constant" or start == end:
        return start
    schedules = keras.optimizers.schedules
    if settings.learning_rate_schedule == "cosine":
        return schedules.CosineDecay(start, updates, alpha=end / start)
    return schedules.PolynomialDecay(start, updates, end_learning_rate=end)


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
