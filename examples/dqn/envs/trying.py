"""An environment tried before a run: what it does is held against what it declares."""

from typing import NamedTuple

import gymnasium
import numpy as np

from examples.dqn.envs.atari import is_atari
from examples.dqn.envs.making import Played, make_env, settings_of
from examples.dqn.errors import ConfigError, Undeclared

STEPS = 10
RESET = "it must take seed and options, and give (observation, info)"
STEP = "it must give (observation, reward, terminated, truncated, info)"


class Found(NamedTuple):
    """What a run should know of its environment."""

    time_limit: int | None
    """Steps after which its episodes are truncated, if it says so."""


def try_environment(played: Played, alone: bool = False) -> Found:
    """Resets an environment once, and takes a few steps.

    Args:
        played: What to play.
        alone: Whether no second one will be there at the same time.

    Raises:
        ConfigError: If it cannot be made, or does other things than it declares.
    """
    settings = settings_of(played)
    env = make_env(settings)
    try:
        if is_atari(settings.env_id):  # ale-py steps them in a form of its own
            return Found(None)
        fault = _find_fault(env)
        if fault is not None:
            raise ConfigError(
                "env_id must name an environment that does what it declares "
                f"({fault}) Received: env_id={settings.env_id!r}"
            )
        if not alone:
            _make_second(played)
        spec = env.spec
        return Found(spec.max_episode_steps if spec else None)
    finally:
        env.close()


def _find_fault(env: gymnasium.Env) -> str | None:
    """What is wrong with a reset and the steps after it, None if nothing is."""
    method, rule = "reset", RESET
    try:
        observation, _ = env.reset(seed=0)
        for index in range(STEPS):
            if not np.isfinite(observation).all():
                return f"{method} gave an observation with {_first_bad(observation)}"
            method, rule = "step", STEP
            action = env.action_space.start + index % env.action_space.n
            observation, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                method, rule = "reset", RESET
                observation, _ = env.reset()
    except Undeclared as error:
        return str(error)
    except Exception as error:  # each environment fails in a way of its own
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        return f"{method} fails with {reason}; {rule}"
    return None


def _first_bad(observation: np.ndarray) -> str:
    return f"{observation[~np.isfinite(observation)].flat[0]:g}"


def _make_second(played: Played) -> None:
    """Makes another one beside the first, as evaluations do."""
    try:
        make_env(played).close()
    except ConfigError as error:
        raise ConfigError(
            "eval_envs must be 'training' where only one environment can exist at a "
            f"time: beside it, {error}"
        ) from error
