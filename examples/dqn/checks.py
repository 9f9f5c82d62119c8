"""What is tried before a run, so that a bad setting leaves no folder behind."""

from dataclasses import replace

from examples.dqn.envs.making import make_env
from examples.dqn.envs.trying import try_environment
from examples.dqn.runs.quiet import silent_libraries
from examples.dqn.runs.video import check_video
from examples.dqn.settings.config import Config


def check_environment(config: Config) -> Config:
    """Refuses an environment that the run could not play, or not draw.

    Returns:
        The configuration, with what is found out about the environment.

    Raises:
        ConfigError: With the reason.
    """
    found = try_environment(config, alone=config.eval_envs == "training")
    if found.has_mask and config.action_mask == "auto":
        config = replace(config, action_mask="on")
        make_env(config).close()
    if config.video:
        check_video(config)
    return config


def check_clipper(config: Config) -> None:
    """Refuses a clipper that does not know the scope.

    Raises:
        ConfigError: With the reason.
    """
    if config.clip_scope is None:
        return  # Keras is not waited for.
    with silent_libraries():
        from examples.dqn.optimizer import make_clipper
    make_clipper(config)
