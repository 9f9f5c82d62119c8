"""An environment tried before a run: what it does is held against what it declares."""

from typing import Any, NamedTuple

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

    has_mask: bool = False
    """Whether it says which actions are allowed."""


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
            if alone:
                raise ConfigError(
                    "eval_envs must be 'each' or 'one' for Atari games. "
                    "Received: eval_envs='training'"
                )
            return Found()
        fault, has_mask = _find_fault(env)
        if fault is not None:
            raise ConfigError(
                "env_id must name an environment that does what it declares "
                f"({fault}) Received: env_id={settings.env_id!r}"
            )
        if not alone:
            _make_second(played)
        return Found(has_mask)
    finally:
        env.close()


def _find_fault(env: gymnasium.Env) -> tuple[str | None, bool]:
    """What is wrong with a reset and some steps, and whether masks were given."""
    method, rule, has_mask = "reset", RESET, False
    try:
        observation, info = env.reset(seed=0)
        has_mask = "action_mask" in info
        for index in range(STEPS):
            if not np.isfinite(observation).all():
                bad = observation[~np.isfinite(observation)].flat[0]
                return f"{method} gave an observation with {bad:g}", has_mask
            method, rule = "step", STEP
            action = _next_action(env.action_space, index, info)
            observation, _, terminated, truncated, info = env.step(action)
            if terminated or truncated:
                method, rule = "reset", RESET
                observation, info = env.reset()
    except Undeclared as error:
        return str(error), has_mask
    except Exception as error:  # each environment fails in a way of its own
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        return f"{method} fails with {reason}; {rule}", has_mask
    return None, has_mask


def _next_action(
    actions: gymnasium.spaces.Discrete, index: int, info: dict[str, Any]
) -> int:
    """One after the other, of those that are allowed."""
    allowed = np.flatnonzero(info.get("action_mask", np.ones(actions.n)))
    if not allowed.size:
        allowed = np.arange(actions.n)
    return int(actions.start + allowed[index % allowed.size])


def _make_second(played: Played) -> None:
    """Makes another one beside the first, as evaluations do."""
    try:
        make_env(played).close()
    except ConfigError as error:
        raise ConfigError(
            "eval_envs must be 'training' where only one environment can exist at a "
            f"time: beside it, {error}"
        ) from error
