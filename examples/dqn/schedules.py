"""How the share of random actions falls over the environment steps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from examples.dqn.errors import ConfigError, RunError
from examples.dqn.settings.agent import ExplorationSettings
from examples.dqn.settings.config import Config

Schedule = Callable[[int], float]


@dataclass(frozen=True)
class Constant:
    """The same value at every step."""

    value: float

    def __call__(self, step: int) -> float:
        return self.value


@dataclass(frozen=True)
class Linear:
    """A straight line from `start` at step 0 to `end` at `steps`, then flat."""

    start: float
    end: float
    steps: int

    def __call__(self, step: int) -> float:
        progress = min(step / self.steps, 1.0)
        return (1 - progress) * self.start + progress * self.end


@dataclass(frozen=True)
class Exponential:
    """The same factor at each step, from `start` to `end` at `steps`."""

    start: float
    end: float
    steps: int

    def __call__(self, step: int) -> float:
        progress = min(step / self.steps, 1.0)
        return self.start * (self.end / self.start) ** progress


@dataclass(frozen=True)
class Piecewise:
    """Straight lines between (step, value) corners, flat outside them."""

    points: Sequence[tuple[int, float]]

    def __call__(self, step: int) -> float:
        steps, values = zip(*self.points)
        return float(np.interp(step, steps, values))


@dataclass(frozen=True)
class Own:
    """Somebody's own function, held to what it must give."""

    function: Schedule

    def __call__(self, step: int) -> float:
        value = float(self.function(step))
        if not 0 <= value <= 1:
            raise RunError(
                f"epsilon must be a function from the step to a share in [0, 1]; "
                f"at step {step} it gives {value}"
            )
        return value


def make_schedule(own: Schedule | float | None, config: Config) -> Schedule:
    """Somebody's own schedule, or that of the configuration.

    Raises:
        ConfigError: If it is no share of actions.
    """
    if own is None:
        return epsilon_schedule(config, config.total_steps)
    if not callable(own) and not (isinstance(own, (int, float)) and 0 <= own <= 1):
        raise ConfigError(
            "epsilon must be a number in [0, 1] or a function from the step to one. "
            f"Received: epsilon={own}"
        )
    return Own(own if callable(own) else Constant(own))


def epsilon_schedule(settings: ExplorationSettings, total_steps: int) -> Schedule:
    """The schedule that the settings ask for, in a run of so many steps."""
    if settings.epsilon_schedule == "constant":
        return Constant(settings.epsilon_end)
    if settings.epsilon_schedule == "piecewise":
        return Piecewise(settings.epsilon_points)
    steps = max(1, round(settings.epsilon_fraction * total_steps))
    shape = Linear if settings.epsilon_schedule == "linear" else Exponential
    return shape(settings.epsilon_start, settings.epsilon_end, steps)
