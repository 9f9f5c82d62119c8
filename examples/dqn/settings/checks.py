"""Holds settings against their ranges, and against each other."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from examples.dqn.errors import ConfigError

AT_LEAST_ONE = [
    *("total_steps", "num_envs", "learning_starts", "train_every", "batch_size"),
    *("updates_per_train", "replay_size", "target_period", "logical_devices"),
    *("threads", "eval_every", "eval_episodes", "final_episodes", "n_step"),
    *("checkpoint_every", "keep_checkpoints", "frame_stack"),
]
ABOVE_ZERO = ["huber_delta", "learning_rate", "adam_epsilon", "clip_norm", "clip_value"]
ZERO_TO_ONE = [
    *("gamma", "epsilon_start", "epsilon_end"),
    *("priority_exponent", "priority_correction"),
]
AT_LEAST_ZERO = ["seed", "learning_rate_end", "noisy_sigma"]
ABOVE_ZERO_TO_ONE = ["target_rate", "epsilon_fraction"]


def check_numbers(config: Any) -> None:
    """Holds each number against its own range."""

    def require(
        names: Sequence[str], rule: str, accepts: Callable[[float], bool]
    ) -> None:
        for name in names:
            value = getattr(config, name)
            # NaN fails every comparison, so it never slips through here.
            if not (math.isfinite(value) and accepts(value)):
                raise ConfigError(f"{name} must be {rule}. Received: {name}={value}")

    require(AT_LEAST_ONE, "at least 1", lambda value: value >= 1)
    require(ABOVE_ZERO, "above 0", lambda value: value > 0)
    require(ZERO_TO_ONE, "in [0, 1]", lambda value: 0 <= value <= 1)
    require(AT_LEAST_ZERO, "at least 0", lambda value: value >= 0)
    require(["quantiles"], "at least 2", lambda value: value >= 2)
    require(ABOVE_ZERO_TO_ONE, "in (0, 1]", lambda value: 0 < value <= 1)
    require(["clip_percentile"], "in (0, 100]", lambda value: 0 < value <= 100)
    if config.clip_window is not None:
        require(["clip_window"], "None or at least 1", lambda value: value >= 1)
    if config.reward_clip is not None:
        require(["reward_clip"], "None or above 0", lambda value: value > 0)
    if not config.hidden_sizes or min(config.hidden_sizes) < 1:
        raise ConfigError(
            "hidden_sizes must name one or more layers of at least 1 unit. "
            f"Received: hidden_sizes={config.hidden_sizes}"
        )


def check_epsilon_points(points: Sequence[tuple[int, float]]) -> None:
    """Holds the corners of the piecewise schedule against their order and range."""
    steps = [step for step, _ in points]
    rising = all(before < after for before, after in pairwise(steps))
    if not points or not rising or steps[0] < 0:
        raise ConfigError(
            "epsilon_points must have one or more steps that start at 0 or later "
            f"and rise. Received: epsilon_points={tuple(points)}"
        )
    if not all(0 <= epsilon <= 1 for _, epsilon in points):
        raise ConfigError(
            "epsilon_points must have epsilons in [0, 1]. "
            f"Received: epsilon_points={tuple(points)}"
        )


def check_together(config: Any) -> None:
    """Holds numbers against each other."""
    if config.learning_starts > config.total_steps:
        raise ConfigError(
            f"learning_starts must be at most total_steps={config.total_steps}. "
            f"Received: learning_starts={config.learning_starts}"
        )
    if config.replay_size < config.batch_size:
        raise ConfigError(
            f"replay_size must be at least batch_size={config.batch_size}. "
            f"Received: replay_size={config.replay_size}"
        )
    if config.epsilon_schedule == "exponential" and not (
        config.epsilon_start > 0 and config.epsilon_end > 0
    ):
        raise ConfigError(
            "epsilon_start and epsilon_end must be above 0 for the exponential "
            f"schedule. Received: epsilon_start={config.epsilon_start}, "
            f"epsilon_end={config.epsilon_end}"
        )
