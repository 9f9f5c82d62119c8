"""Everything that one run depends on, and what its settings need of each other."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import pairwise
from math import ceil
from typing import Any

from examples.dqn.errors import ConfigError
from examples.dqn.settings.agent import (
    ClippingSettings,
    ExplorationSettings,
    LearningSettings,
    NetworkSettings,
    OptimizerSettings,
    ReplaySettings,
)
from examples.dqn.settings.ranges import check_ranges
from examples.dqn.settings.run import (
    EnvironmentSettings,
    EvaluationSettings,
    FilesSettings,
    MachineSettings,
    words_of,
)


@dataclass(frozen=True)
class Config(
    # Dataclasses put the fields of the last base first.
    FilesSettings,
    EvaluationSettings,
    MachineSettings,
    ClippingSettings,
    OptimizerSettings,
    ExplorationSettings,
    NetworkSettings,
    ReplaySettings,
    LearningSettings,
    EnvironmentSettings,
):
    """All settings of a run.

    It is each of its sections, so a part that needs one of them takes that type,
    and is given all.

    Raises:
        ConfigError: If a setting is out of its range, or does not go with another.
    """

    def __post_init__(self) -> None:
        if isinstance(self.env_kwargs, Mapping):
            object.__setattr__(self, "env_kwargs", words_of(self.env_kwargs))
        check_ranges(self)
        _check_environment(self)
        _check_hidden_sizes(self)
        _check_epsilon(self)
        _check_amounts(self)

    @property
    def total_updates(self) -> int:
        """Gradient steps of the whole run."""
        # Environments step together, so a cycle ends when all have.
        cycle = ceil(self.train_every / self.num_envs) * self.num_envs
        # Cycles that end with a block of updates: all but those before the start.
        cycles = ceil(self.total_steps / cycle)
        blocks = cycles - ceil(self.first_update / cycle) + 1
        return blocks * self.updates_per_train

    @property
    def first_update(self) -> int:
        """Environment steps before the first update: there is a transition by then."""
        return max(self.learning_starts, (self.n_step - 1) * self.num_envs + 1)


def sections() -> dict[str, type]:
    """The parts of a configuration by their headings, in the order of its fields."""
    return {
        part.__name__.removesuffix("Settings").lower(): part
        for part in reversed(Config.__bases__)
    }


OF_THE_MACHINE = tuple(field.name for field in fields(MachineSettings))


def machine_settings(config: Config) -> dict[str, Any]:
    """Those settings that say where to train and are not the defaults.

    They are all that a resumed run may change.
    """
    return {
        name: getattr(config, name)
        for name in OF_THE_MACHINE
        if getattr(config, name) != getattr(Config, name)
    }


def _check_environment(config: Config) -> None:
    config.env_arguments()
    if config.wrapper is not None and not all(config.wrapper.partition(":")):
        raise ConfigError(
            "wrapper must be like module:function. "
            f"Received: wrapper={config.wrapper!r}"
        )
    if config.scale_rewards and config.reward_clip is not None:
        raise ConfigError(
            "scale_rewards must not stand beside reward_clip. "
            f"Received: scale_rewards=True, reward_clip={config.reward_clip}"
        )
    if config.eval_envs == "training" and (
        config.num_envs != 1 or config.vectorization != "loop"
    ):
        raise ConfigError(
            "eval_envs='training' must go with num_envs=1 and vectorization='loop'. "
            f"Received: num_envs={config.num_envs}, "
            f"vectorization={config.vectorization!r}"
        )


def _check_hidden_sizes(settings: NetworkSettings) -> None:
    if not settings.hidden_sizes:
        raise ConfigError(
            "hidden_sizes must name one or more layers. "
            f"Received: hidden_sizes={settings.hidden_sizes}"
        )


def _check_epsilon(settings: ExplorationSettings) -> None:
    points = settings.epsilon_points
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
    if settings.epsilon_schedule == "exponential" and not (
        settings.epsilon_start > 0 and settings.epsilon_end > 0
    ):
        raise ConfigError(
            "epsilon_start and epsilon_end must be above 0 for the exponential "
            f"schedule. Received: epsilon_start={settings.epsilon_start}, "
            f"epsilon_end={settings.epsilon_end}"
        )


def _check_amounts(config: Config) -> None:
    if config.learning_starts > config.total_steps:
        raise ConfigError(
            f"learning_starts must be at most total_steps={config.total_steps}. "
            f"Received: learning_starts={config.learning_starts}"
        )
    if config.first_update > config.total_steps:
        raise ConfigError(
            "n_step must leave steps to learn from: the first transition is complete "
            f"after {config.first_update} of total_steps={config.total_steps}. "
            f"Received: n_step={config.n_step}, num_envs={config.num_envs}"
        )
    if config.replay_size < config.batch_size:
        raise ConfigError(
            f"replay_size must be at least batch_size={config.batch_size}. "
            f"Received: replay_size={config.replay_size}"
        )
