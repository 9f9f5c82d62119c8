"""Makes environments whose every reported step is one that was really taken."""

import functools
import importlib
from collections.abc import Callable

import gymnasium

from examples.dqn.envs.atari import FRAME_SHAPE, is_atari, make_atari, register_atari
from examples.dqn.envs.environments import Environments
from examples.dqn.envs.frame_stacking import FrameStacking
from examples.dqn.envs.images import frame_shape
from examples.dqn.envs.loop import LoopEnvironments
from examples.dqn.envs.plain_numbers import PlainNumbers
from examples.dqn.envs.vector import VectorEnvironments
from examples.dqn.errors import ConfigError
from examples.dqn.settings.run import EnvironmentSettings

Played = EnvironmentSettings | str
"""What is played; a name stands for the settings that have it and no others."""


def settings_of(played: Played) -> EnvironmentSettings:
    """The settings of what is played."""
    return EnvironmentSettings(played) if isinstance(played, str) else played


def make_env(played: Played, render_mode: str | None = None) -> gymnasium.Env:
    """One environment, which draws itself if there is a render mode.

    Its observations are images of bytes or vectors of float32.

    Raises:
        ConfigError: If Gymnasium cannot make it, or the agent cannot play it.
    """
    settings = settings_of(played)
    env = _wrap(settings, _make(settings, render_mode))
    if not isinstance(env.action_space, gymnasium.spaces.Discrete):
        raise ConfigError(
            "env_id must name an environment with Discrete actions. "
            f"Received: env_id={settings.env_id!r} with {env.action_space}"
        )
    try:
        return PlainNumbers(env, settings.images, settings.action_mask == "on")
    except ConfigError:
        raise
    except Exception as error:  # spaces of other packages fail in ways of their own
        raise ConfigError(
            "env_id must name an environment with observations that are images or "
            f"that Gymnasium can make flat. Received: env_id={settings.env_id!r} with "
            f"{env.observation_space}"
        ) from error


def _make(settings: EnvironmentSettings, render_mode: str | None) -> gymnasium.Env:
    """What Gymnasium makes of a name, whatever it observes."""
    env_id, arguments = settings.env_id, settings.env_arguments()
    if is_atari(env_id):
        register_atari(env_id)
    # Environments that cannot draw need not know the argument.
    if render_mode is not None:
        arguments["render_mode"] = render_mode
    try:
        return gymnasium.make(
            env_id,
            max_episode_steps=settings.max_episode_steps,
            # It costs a third of a CartPole step, and each run is tried beforehand.
            disable_env_checker=True,
            **arguments,
        )
    except Exception as error:  # any environment may fail in its own way
        reason = " ".join(str(error).split())
        if isinstance(error, gymnasium.error.DependencyNotInstalled) and (
            "box2d" in reason.lower()
        ):
            # Gymnasium names its own extra, and a compiler that ours does not need.
            reason = "its physics come with pip install -e '.[dqn,box2d]'"
        if isinstance(error, TypeError):
            reason += "; --env-kwargs name=value passes arguments"
        raise ConfigError(
            "env_id must name an environment that Gymnasium can make "
            f"({reason}) Received: {_received(settings)}"
        ) from error


def _received(settings: EnvironmentSettings) -> str:
    told = f"env_id={settings.env_id!r}"
    if settings.env_kwargs:
        told += f", env_kwargs={' '.join(settings.env_kwargs)}"
    return told


def _wrap(settings: EnvironmentSettings, env: gymnasium.Env) -> gymnasium.Env:
    """An environment in the wrapper that the settings name, if they do."""
    if settings.wrapper is None:
        return env
    module, _, name = settings.wrapper.partition(":")
    try:
        wrapped = getattr(importlib.import_module(module), name)(env)
        if not isinstance(wrapped, gymnasium.Env):
            raise TypeError(f"it returns a {type(wrapped).__name__}")
    except Exception as error:  # any function may fail in its own way
        env.close()
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise ConfigError(
            f"wrapper must name a function from environment to environment ({reason}) "
            f"Received: wrapper={settings.wrapper!r}"
        ) from error
    return wrapped


def make_environments(
    played: Played,
    num_envs: int,
    seed: int,
    frame_stack: int,
    vectorization: str = "loop",
) -> Environments:
    """Environments to play side by side.

    Args:
        played: What to play.
        num_envs: How many.
        seed: Environment `i` is seeded with `seed + i`.
        frame_stack: Newest images that are one observation, if any are images.
        vectorization: Who steps them; see the setting of this name.

    Raises:
        ConfigError: If they cannot be made, or not in this way.
    """
    settings = settings_of(played)
    if is_atari(settings.env_id):
        make_env(settings).close()  # Tells what is missing.
        games = make_atari(settings, num_envs, seed, vectorization)
        return FrameStacking(games, FRAME_SHAPE, frame_stack)
    make = functools.partial(make_env, settings)
    if vectorization == "loop":
        return loop_environments([make] * num_envs, seed, frame_stack)
    envs = _make_vector(settings, make, num_envs, seed, vectorization)
    shape = frame_shape(envs.observation_space)
    return FrameStacking(envs, shape, frame_stack) if shape else envs


def loop_environments(
    makers: list[Callable[[], gymnasium.Env]], seed: int, frame_stack: int
) -> Environments:
    """As `make_environments`, of what these functions make."""
    envs = LoopEnvironments(makers, seed)
    shape = frame_shape(envs.observation_space)
    return FrameStacking(envs, shape, frame_stack) if shape else envs


def _make_vector(
    settings: EnvironmentSettings,
    make: Callable[[], gymnasium.Env],
    num_envs: int,
    seed: int,
    vectorization: str,
) -> VectorEnvironments:
    """Environments that Gymnasium steps."""
    makers = [make] * num_envs
    if vectorization == "sync":
        envs = gymnasium.vector.SyncVectorEnv(makers)
        # Functions that no checkpoint need hold, and that have done their work.
        envs.env_fns = ()
    elif vectorization == "async":
        # A fork of a process in which TensorFlow has threads may hang.
        envs = gymnasium.vector.AsyncVectorEnv(makers, context="spawn")
    else:
        envs = _make_own_vector(settings, num_envs)
    return VectorEnvironments(envs, seed)


def _make_own_vector(
    settings: EnvironmentSettings, num_envs: int
) -> gymnasium.vector.VectorEnv:
    """The form that an environment has for several of itself."""
    env = make_env(settings)
    env.close()
    arguments = settings.env_arguments()
    if settings.max_episode_steps is not None:
        arguments["max_episode_steps"] = settings.max_episode_steps
    try:
        if settings.wrapper is not None:
            raise TypeError("a wrapper is for single ones")
        envs = gymnasium.make_vec(
            settings.env_id,
            num_envs,
            vectorization_mode="vector_entry_point",
            **arguments,
        )
        if envs.single_observation_space.shape != env.observation_space.shape:
            raise TypeError(f"it observes {envs.single_observation_space}")
    except Exception as error:  # most environments have no vector form of their own
        reason = " ".join(str(error).split())
        raise ConfigError(
            f"vectorization must be one that env_id={settings.env_id!r} has "
            f"({reason}) Received: vectorization='vector_entry_point'"
        ) from error
    return envs
