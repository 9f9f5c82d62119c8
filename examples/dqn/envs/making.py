"""Makes environments whose every reported step is one that was really taken."""

import gymnasium
import numpy as np

from examples.dqn.envs.atari import FRAME_SHAPE, is_atari, make_atari, register_atari
from examples.dqn.envs.frame_stacking import FrameStacking
from examples.dqn.envs.loop import Environments
from examples.dqn.envs.vector import VectorEnvironments
from examples.dqn.errors import ConfigError
from examples.dqn.settings.config import Config


def make_env(env_id: str, render_mode: str | None = None) -> gymnasium.Env:
    """One environment, which draws itself if there is a render mode.

    Its observations are images or flat.

    Raises:
        ConfigError: If Gymnasium cannot make it, or the agent cannot play it.
    """
    if is_atari(env_id):
        register_atari(env_id)
    # Environments that cannot draw need not know the argument.
    drawing = {} if render_mode is None else {"render_mode": render_mode}
    try:
        # The checker costs a third of a CartPole step, and finds nothing here.
        env = gymnasium.make(env_id, disable_env_checker=True, **drawing)
    except Exception as error:  # any environment may fail in its own way
        reason = " ".join(str(error).split())
        if isinstance(error, gymnasium.error.DependencyNotInstalled) and (
            "box2d" in reason.lower()
        ):
            # Gymnasium names its own extra, and a compiler that ours does not need.
            reason = "its physics come with pip install -e '.[dqn,box2d]'"
        raise ConfigError(
            "env_id must name an environment that Gymnasium can make "
            f"({reason}) Received: env_id={env_id!r}"
        ) from error
    if not isinstance(env.action_space, gymnasium.spaces.Discrete):
        raise ConfigError(
            "env_id must name an environment with Discrete actions. "
            f"Received: env_id={env_id!r} with {env.action_space}"
        )
    observations = env.observation_space
    if not isinstance(observations, gymnasium.spaces.Box):
        raise ConfigError(
            "env_id must name an environment with Box observations. "
            f"Received: env_id={env_id!r} with {observations}"
        )
    if len(observations.shape) == 1 or frame_shape(observations) is not None:
        return env
    return gymnasium.wrappers.FlattenObservation(env)


def frame_shape(observations: gymnasium.spaces.Box) -> tuple[int, ...] | None:
    """Height, width and channels of images, None for what are none."""
    if observations.dtype != np.uint8 or len(observations.shape) not in (2, 3):
        return None
    return (*observations.shape, 1)[:3]


AnyEnvironments = Environments | VectorEnvironments | FrameStacking


def make_environments(config: Config, seed: int) -> AnyEnvironments:
    """The training environments of a configuration."""
    env = make_env(config.env_id)  # Tells what does not fit.
    env.close()
    if is_atari(config.env_id):
        games = make_atari(config, seed)
        return FrameStacking(games, FRAME_SHAPE, config.frame_stack)
    envs: Environments | VectorEnvironments
    if config.vectorization == "loop":
        envs = Environments([lambda: make_env(config.env_id)] * config.num_envs, seed)
    else:
        flat = isinstance(env, gymnasium.wrappers.FlattenObservation)
        envs = _make_vector(config, seed, flat)
    shape = frame_shape(env.observation_space)
    return FrameStacking(envs, shape, config.frame_stack) if shape else envs


def _make_vector(config: Config, seed: int, flat: bool) -> VectorEnvironments:
    """Environments that Gymnasium steps."""
    wrappers = [gymnasium.wrappers.FlattenObservation] if flat else None
    # A fork of a process in which TensorFlow has threads may hang.
    is_async = config.vectorization == "async"
    options = {"context": "spawn"} if is_async else None
    try:
        envs = gymnasium.make_vec(
            config.env_id,
            config.num_envs,
            vectorization_mode=config.vectorization,
            vector_kwargs=options,
            wrappers=wrappers,
        )
    except Exception as error:  # most environments have no vector form of their own
        reason = " ".join(str(error).split())
        raise ConfigError(
            f"vectorization must be one that env_id={config.env_id!r} has ({reason}) "
            f"Received: vectorization={config.vectorization!r}"
        ) from error
    if isinstance(envs, gymnasium.vector.SyncVectorEnv):
        # Functions that no checkpoint can hold, and that have done their work.
        envs.env_fns = ()
    return VectorEnvironments(envs, seed)
