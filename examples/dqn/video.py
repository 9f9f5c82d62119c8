"""A policy to look at: one episode as an animated GIF, drawn off-screen."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np

from examples.dqn.envs import make_env
from examples.dqn.errors import ConfigError
from examples.dqn.play_episode import play_episode

if TYPE_CHECKING:
    from PIL.Image import Image

    from examples.dqn.agent import Policy

# A minute at 50 frames per second; a good policy may go on for much longer.
MAX_FRAMES = 3_000
LARGEST_SIDE = 400


def check_video(env_id: str) -> None:
    """Draws one frame, so that a run does not fail at its end.

    Raises:
        ConfigError: If the environment cannot draw, or a package is missing.
    """
    try:
        import PIL.Image  # noqa: F401

        env = _make_drawn_env(env_id)
        try:
            if len(env.observation_space.shape) > 1:
                raise ValueError("its observations are images, which are not recorded")
            env.reset(seed=0)
            _check_frame(env.render())
        finally:
            env.close()
    except Exception as error:  # each environment fails in a way of its own
        reason = " ".join(str(error).split())
        raise ConfigError(
            "video must go with an environment that draws RGB frames, and with what "
            f"`pip install -e '.[dqn,video]'` brings ({reason}) "
            f"Received: video=True, env_id={env_id!r}"
        ) from error


def record_episode(path: Path, policy: "Policy", env_id: str, seed: int) -> float:
    """Plays one greedy episode and draws it.

    Args:
        path: The GIF to write. It ends after `MAX_FRAMES`, the episode goes on.
        policy: What to play with.
        env_id: What to play.
        seed: Where the episode starts.

    Returns:
        The undiscounted return of the episode.
    """
    env = _make_drawn_env(env_id)
    images: list[Image] = []

    def draw() -> None:
        if len(images) < MAX_FRAMES:
            images.append(_small_image(env.render()))

    try:
        total = play_episode(policy, env, seed, draw)
    finally:
        env.close()
    rate = env.metadata.get("render_fps") or 30
    images[0].save(
        path,
        save_all=True,
        append_images=images[1:],
        # Milliseconds; GIF counts in tens of them, and 0 would mean "as you like".
        duration=max(20, round(1000 / rate)),
        loop=0,
    )
    return total


def _make_drawn_env(env_id: str) -> gymnasium.Env:
    # No display is needed, nor is pygame's greeting. Both are read at its import.
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    os.environ.setdefault("SDL_AUDIODRIVER", "dummy")
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    return make_env(env_id, render_mode="rgb_array")


def _check_frame(frame: Any) -> None:
    if np.shape(frame)[2:] != (3,):
        raise ValueError(f"its frame is {type(frame).__name__} {np.shape(frame)}.")


def _small_image(frame: np.ndarray) -> "Image":
    """A frame of at most `LARGEST_SIDE`, in colours of its own."""
    from PIL import Image

    image = Image.fromarray(frame)
    image.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    return image.quantize(64)
