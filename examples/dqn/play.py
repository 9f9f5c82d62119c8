"""Plays what a run has learned: `python -m examples.dqn.play --help`."""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import gymnasium
import numpy as np
import tyro

from examples.dqn.envs.making import make_env
from examples.dqn.errors import ConfigError
from examples.dqn.evaluate import evaluate, play_each
from examples.dqn.networks.policy import Policy
from examples.dqn.runs.folder import read_config
from examples.dqn.runs.quiet import silent_libraries
from examples.dqn.runs.video import check_video, record_episode
from examples.dqn.settings.command_line import parse_words, run_reporting
from examples.dqn.settings.config import Config
from examples.dqn.settings.ranges import Range, check_ranges

# Before Keras is first imported, in `load_policy`.
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@dataclass(frozen=True)
class Play:
    """Play the policy that a run has kept, without exploration."""

    run: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """Folder of the run."""

    episodes: Annotated[int, Range(at_least=1)] = 10
    """How many to play."""

    seed: Annotated[int, Range(at_least=0)] = 0
    """Environment seed of the first episode; each next one has the next."""

    render: bool = False
    """Show the episodes in a window as they are played."""

    video: bool = False
    """Record the first episode as play.gif in the run folder, off-screen."""

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.render and self.video:
            raise ConfigError(
                "render must not stand beside video, which draws off-screen. "
                "Received: render=True, video=True"
            )


def main(settings: Play, tell: Callable[[str], None] = print) -> np.ndarray:
    """Plays, and tells each return and their mean.

    Returns:
        Undiscounted return of each episode.

    Raises:
        ConfigError: If the folder is no run, or the environment cannot be drawn.
    """
    config = read_config(settings.run)
    if settings.video:
        check_video(config)
    policy = load_policy(settings.run, config)
    returns: list[float] = []
    for total in _episodes(settings, config, policy, tell):
        tell(f"seed {settings.seed + len(returns)}: return {total:g}")
        returns.append(total)
    tell(f"mean return {np.mean(returns):.1f} over {len(returns)} greedy episodes")
    return np.array(returns)


def _episodes(
    settings: Play, config: Config, policy: Policy, tell: Callable[[str], None]
) -> Iterator[float]:
    """The return of each episode, as soon as it is known."""
    seed, left = settings.seed, settings.episodes
    if settings.video:
        path = settings.run / "play.gif"
        total = record_episode(path, policy, config, seed)
        tell(f"recorded {path}")
        yield total
        seed, left = seed + 1, left - 1
    if policy.frame_stack is not None:
        if settings.render:
            raise ConfigError(
                "render must go with observations that are no images; video records "
                f"those. Received: render=True, env_id={config.env_id!r}"
            )
        if left:
            yield from evaluate(policy, config, left, seed, envs="one")
        return
    env = _make_env(config, settings.render)
    for index in range(left):
        [total] = play_each(policy, [env], seed + index)
        yield total
    env.close()


def load_policy(folder: Path, config: Config) -> Policy:
    """The policy that a run has kept.

    Raises:
        ConfigError: If the folder has none, as before the first evaluation.
    """
    path = folder / "policy.keras"
    if not path.is_file():
        raise ConfigError(
            "run must be the folder of a run with a policy.keras, which is there from "
            "its first evaluation on. "
            f"Received: {folder}"
        )
    # Imported here so that bad arguments do not wait for TensorFlow.
    with silent_libraries():
        import keras

        from examples.dqn.networks.acting import policy_of
    try:
        loaded = keras.models.load_model(path, compile=False)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(
            f"run must have a whole policy.keras ({reason}). Received: {folder}"
        ) from error
    return policy_of(loaded, config)


def _make_env(config: Config, shown: bool) -> gymnasium.Env:
    if not shown:
        return make_env(config)
    # Else SDL may load a graphics driver whose LLVM and TensorFlow's crash together.
    os.environ.setdefault("SDL_FRAMEBUFFER_ACCELERATION", "0")
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    try:
        with silent_libraries():
            env = make_env(config, render_mode="human")
            env.reset()  # Opens the window, where that is possible.
        pygame = sys.modules.get("pygame")
        # What SDL falls back on where there is no display.
        window = pygame and pygame.display.get_init() and pygame.display.get_driver()
        if window == "offscreen":
            raise RuntimeError("there is no display")
    except Exception as error:  # each environment fails in a way of its own
        reason = " ".join(str(error).split())
        raise ConfigError(
            "render must go with a display, an environment that draws itself and what "
            f"`pip install -e '.[dqn,video]'` brings ({reason}) "
            f"Received: render=True, env_id={config.env_id!r}"
        ) from error
    return env


def run_command(arguments: list[str] | None = None) -> int:
    """Runs `main` as a command and returns its exit code."""
    return run_reporting(lambda: main(parse_words(Play, "play", arguments)))


if __name__ == "__main__":
    sys.exit(run_command())
