"""Atari games, stepped side by side by ale-py's own threads.

ale-py is licensed under GPL-2.0, so it is an extra of its own (`atari`), and
nothing here imports it before a game is asked for.
"""

import gymnasium

from examples.dqn.envs.vector import VectorEnvironments
from examples.dqn.errors import ConfigError
from examples.dqn.settings.run import EnvironmentSettings

FRAME_SHAPE = (84, 84, 1)
"""Height, width and channels of an image as the agent gets it."""


def is_atari(env_id: str) -> bool:
    """Whether the environment is one of ale-py's."""
    return env_id.startswith("ALE/")


def register_atari(env_id: str) -> None:
    """Makes ale-py's games known to Gymnasium.

    Raises:
        ConfigError: If ale-py is not installed.
    """
    try:
        import ale_py
    except ImportError as error:
        raise ConfigError(
            "env_id must name an environment that is installed; pip install ale-py "
            f"(GPL-2.0) brings the Atari games. Received: env_id={env_id!r}"
        ) from error
    # It would greet on stderr for every game.
    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    gymnasium.register_envs(ale_py)


def make_atari(
    settings: EnvironmentSettings, num_envs: int, seed: int, vectorization: str
) -> VectorEnvironments:
    """Games with Nature's preprocessing, one gray image of 84x84 per step.

    The stack is left to the replay. Rewards are those of the game, and an episode
    is a whole game. The frame skip of 4, and the chance of 0.25 that an action is
    repeated, are the environment's own.

    Raises:
        ConfigError: If they are to be stepped in another way.
    """
    if vectorization not in ("loop", "vector_entry_point"):
        raise ConfigError(
            "vectorization must be loop or vector_entry_point for Atari games, which "
            "have threads of their own. "
            f"Received: vectorization={vectorization!r}"
        )
    if settings.wrapper is not None or settings.max_episode_steps is not None:
        raise ConfigError(
            "wrapper and max_episode_steps must be None for Atari games, which end "
            "after env_kwargs max_num_frames_per_episode=.... "
            f"Received: wrapper={settings.wrapper!r}, "
            f"max_episode_steps={settings.max_episode_steps}"
        )
    envs = gymnasium.make_vec(
        settings.env_id,
        num_envs,
        vectorization_mode="vector_entry_point",
        # Next-step would spend a call per episode on the reset.
        autoreset_mode=gymnasium.vector.AutoresetMode.SAME_STEP,
        img_height=FRAME_SHAPE[0],
        img_width=FRAME_SHAPE[1],
        grayscale=True,
        stack_num=1,
        reward_clipping=False,
        episodic_life=False,
        **settings.env_arguments(),
    )
    # Its seeds are C++ integers of 32 bits, one of which is the sign.
    return VectorEnvironments(envs, seed % 2**30)
