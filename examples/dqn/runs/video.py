"""A policy to look at: one episode as an animated GIF, drawn off-screen."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import gymnasium
import numpy as np

from examples.dqn.envs.images import frame_shape
from examples.dqn.envs.making import Played, make_env, settings_of
from examples.dqn.errors import ConfigError
from examples.dqn.evaluate import play_each, play_images
from examples.dqn.networks.policy import Policy

if TYPE_CHECKING:
    from PIL.Image import Image

# A minute at 50 frames per second; a good policy may go on for much longer.
MAX_FRAMES = 3_000
LARGEST_SIDE = 400


def check_video(played: Played) -> None:
    """Draws one frame where that is needed, so that a run does not fail at its end.

    Raises:
        ConfigError: If there is nothing to record, or a package is missing.
    """
    try:
        import PIL.Image  # noqa: F401

        env = make_env(played)
        env.close()
        image = frame_shape(env.observation_space)
        if image is None:
            _draw_once(played)
        elif image[2] not in (1, 3):
            raise ValueError(f"its images have {image[2]} channels, not 1 or 3.")
    except Exception as error:  # each environment fails in a way of its own
        reason = " ".join(str(error).split())
        raise ConfigError(
            "video must go with an environment that draws RGB frames or observes "
            "images, and with what `pip install -e '.[dqn,video]'` brings "
            f"({reason}) Received: video=True, env_id={settings_of(played).env_id!r}"
        ) from error


def record_episode(path: Path, policy: Policy, played: Played, seed: int) -> float:
    """Plays one greedy episode and draws it.

    Where observations are images, these are drawn, as the agent sees them.

    Args:
        path: The GIF to write. It ends after `MAX_FRAMES`, the episode goes on.
        policy: What to play with.
        played: What to play.
        seed: Where the episode starts.

    Returns:
        The undiscounted return of the episode.
    """
    images: list[Image] = []

    def draw(frame: np.ndarray) -> None:
        if len(images) < MAX_FRAMES:
            images.append(_small_image(frame))

    sees_images = policy.frame_stack is not None
    env = make_env(played) if sees_images else _make_drawn_env(played)
    try:
        if sees_images:
            [total] = play_images(policy, played, 1, seed, draw, env=env)
        else:
            [total] = play_each(policy, [env], seed, lambda: draw(env.render()))
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


def _make_drawn_env(played: Played) -> gymnasium.Env:
    # No display is needed, nor is pygame's greeting. Both are read at its import.
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    os.environ.setdefault("SDL_AUDIODRIVER", "dummy")
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    return make_env(played, render_mode="rgb_array")


def _draw_once(played: Played) -> None:
    env = _make_drawn_env(played)
    try:
        env.reset(seed=0)
        frame = env.render()
        if np.shape(frame)[2:] != (3,):
            raise ValueError(f"its frame is {type(frame).__name__} {np.shape(frame)}.")
        _small_image(frame)
    finally:
        env.close()


def _small_image(frame: np.ndarray) -> "Image":
    """A frame in colours of its own, enlarged by a whole factor if it is small."""
    from PIL import Image

    image = Image.fromarray(frame.squeeze(-1) if frame.shape[-1] == 1 else frame)
    image.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    image = image.convert("RGB").quantize(64)
    # What an agent sees is often too small for people.
    factor = LARGEST_SIDE // max(image.size)
    return image.resize(
        [side * factor for side in image.size], Image.Resampling.NEAREST
    )
