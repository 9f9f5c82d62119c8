"""Makes environments whose every reported step is one that was really taken."""

import gymnasium

from examples.dqn.envs.atari import FRAME_SHAPE, is_atari, make_atari, register_atari
from examples.dqn.envs.environments import Environments
from examples.dqn.envs.frame_stacking import FrameStacking
from examples.dqn.envs.images import frame_shape
from examples.dqn.envs.loop import LoopEnvironments
from examples.dqn.envs.vector import VectorEnvironments
from examples.dqn.errors import ConfigError


def make_env(env_id: str, render_mode: str | None = None) -> gymnasium.Env:
    """One environment, which draws itself if there is a render mode.

    Its observations are images or flat.

    Raises:
        ConfigError: If Gymnasium cannot make it, or the agent cannot play it.
    """
    env = _make(env_id, render_mode)
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


def _make(env_id: str, render_mode: str | None) -> gymnasium.Env:
    """What Gymnasium makes of a name, whatever it observes."""
    if is_atari(env_id):
        register_atari(env_id)
    # Environments that cannot draw need not know the argument.
    drawing = {} if render_mode is None else {"render_mode": render_mode}
    try:
        # The checker costs a third of a CartPole step, and finds nothing here.
        return gymnasium.make(env_id, disable_env_checker=True, **drawing)
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


def make_environments(
    env_id: str,
    num_envs: int,
    seed: int,
    frame_stack: int,
    vectorization: str = "loop",
) -> Environments:
    """Environments to play side by side.

    Args:
        env_id: What to play.
        num_envs: How many.
        seed: Environment `i` is seeded with `seed + i`.
        frame_stack: Newest images that are one observation, if any are images.
        vectorization: Who steps them; see the setting of this name.

    Raises:
        ConfigError: If they cannot be made, or not in this way.
    """
    env = make_env(env_id)  # Tells what does not fit.
    env.close()
    if is_atari(env_id):
        games = make_atari(env_id, num_envs, seed, vectorization)
        return FrameStacking(games, FRAME_SHAPE, frame_stack)
    envs: Environments
    if vectorization == "loop":
        envs = LoopEnvironments([lambda: make_env(env_id)] * num_envs, seed)
    else:
        flat = isinstance(env, gymnasium.wrappers.FlattenObservation)
        envs = _make_vector(env_id, num_envs, seed, vectorization, flat)
    shape = frame_shape(env.observation_space)
    return FrameStacking(envs, shape, frame_stack) if shape else envs


def _make_vector(
    env_id: str, num_envs: int, seed: int, vectorization: str, flat: bool
) -> VectorEnvironments:
    """Environments that Gymnasium steps."""
    wrappers = [gymnasium.wrappers.FlattenObservation] if flat else None
    # A fork of a process in which TensorFlow has threads may hang.
    options = {"context": "spawn"} if vectorization == "async" else None
    try:
        envs = gymnasium.make_vec(
            env_id,
            num_envs,
            vectorization_mode=vectorization,
            vector_kwargs=options,
            wrappers=wrappers,
        )
    except Exception as error:  # most environments have no vector form of their own
        reason = " ".join(str(error).split())
        raise ConfigError(
            f"vectorization must be one that env_id={env_id!r} has ({reason}) "
            f"Received: vectorization={vectorization!r}"
        ) from error
    if isinstance(envs, gymnasium.vector.SyncVectorEnv):
        # Functions that no checkpoint can hold, and that have done their work.
        envs.env_fns = ()
    return VectorEnvironments(envs, seed)
