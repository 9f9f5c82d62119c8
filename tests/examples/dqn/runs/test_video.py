"""A policy to look at, and one line where there is nothing to look at."""

import sys

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)
pytest.importorskip("gymnasium")
pytest.importorskip("pygame")
pytest.importorskip("PIL")
pytest.importorskip("tyro")

import gymnasium
from PIL import Image, ImageSequence

from examples.dqn import train
from examples.dqn.errors import ConfigError
from examples.dqn.networks.policy import Policy
from examples.dqn.runs import video
from examples.dqn.runs.video import check_video, record_episode


def milliseconds(image):
    """How long it runs; frames that are the same are one frame of the file."""
    return sum(frame.info["duration"] for frame in ImageSequence.Iterator(image))


class Always(Policy):
    """A policy that knows one action."""

    def __init__(self, action, frame_stack=None):
        self._action = action
        self.frame_stack = frame_stack

    def greedy(self, observations):
        return np.full(len(observations), self._action)


class Blinking(gymnasium.Env):
    """Draws one colour per step, in a picture larger than a GIF needs to be."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012
    observation_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(2, start=3)
    frame = np.zeros((500, 1000, 3), np.uint8)

    def __init__(self, render_mode=None):
        self.render_mode = render_mode

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return np.zeros(2, np.float32), {}

    def step(self, action):
        assert action == 4
        self.steps += 1
        return np.zeros(2, np.float32), 2.0, False, self.steps == 5, {}

    def render(self):
        return self.frame + np.uint8(40 * self.steps)


class Pictureless(Blinking):
    frame = np.zeros((), np.uint8)


class Floating(Blinking):
    frame = np.zeros((20, 30, 3))

    def render(self):
        return self.frame


class Seen(Blinking):
    """Observes what the other draws, in a picture smaller than people like."""

    observation_space = gymnasium.spaces.Box(0, 255, (10, 20, 3), np.uint8)

    def _image(self):
        return np.full((10, 20, 3), 40 * self.steps, np.uint8)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self._image(), {}

    def step(self, action):
        _, *rest = super().step(action)
        return self._image(), *rest

    def render(self):
        raise AssertionError("what it observes is enough")


class GraySeen(Seen):
    observation_space = gymnasium.spaces.Box(0, 255, (10, 20), np.uint8)

    def _image(self):
        return super()._image()[..., 0]


class ManySeen(Seen):
    observation_space = gymnasium.spaces.Box(0, 255, (10, 20, 5), np.uint8)


@pytest.fixture(autouse=True)
def register():
    for kind in (Blinking, Pictureless, Floating, Seen, GraySeen, ManySeen):
        name = f"{kind.__name__}-v0"
        if name not in gymnasium.registry:
            gymnasium.register(name, kind)


@pytest.mark.parametrize(
    ("env_id", "frame_stack"),
    [("Blinking-v0", None), ("Seen-v0", 2), ("GraySeen-v0", 1)],
)
def test_every_frame_is_in_the_file(env_id, frame_stack, tmp_path):
    path = tmp_path / "episode.gif"
    check_video(env_id)
    assert record_episode(path, Always(1, frame_stack), env_id, 0) == 10
    with Image.open(path) as image:
        assert image.size == (400, 200)
        assert image.info["duration"] == 100
        assert image.info["loop"] == 0
        assert image.n_frames == 6
        for number in range(6):
            image.seek(number)
            pixel = image.convert("RGB").getpixel((5, 5))
            np.testing.assert_allclose(pixel, 40 * number, atol=8)


def test_long_episodes_are_cut_in_the_file_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(video, "MAX_FRAMES", 3)
    path = tmp_path / "episode.gif"
    assert record_episode(path, Always(1), "Blinking-v0", 0) == 10
    with Image.open(path) as image:
        assert image.n_frames == 3


def test_gymnasium_environment_without_a_display(tmp_path, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    path = tmp_path / "episode.gif"
    steps = record_episode(path, Always(0), "CartPole-v1", 3)
    with Image.open(path) as image:
        assert milliseconds(image) == 20 * (steps + 1)
        # Something is drawn, and it moves.
        image.seek(0)
        first = np.array(image.convert("RGB"))
        image.seek(image.n_frames - 1)
        last = np.array(image.convert("RGB"))
    assert first.std() > 10
    assert (first != last).mean() > 0.005


def test_no_picture_is_told(tmp_path):
    for env_id, reason in [
        ("Pictureless-v0", r"its frame is .*\(\)"),
        ("Floating-v0", "f8"),
        ("ManySeen-v0", "its images have 5 channels, not 1 or 3"),
    ]:
        words = f"draws RGB frames.*{reason}.*{env_id}"
        with pytest.raises(ConfigError, match=words):
            check_video(env_id)


def test_missing_package_is_told_before_training(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "pygame", None)
    folder = tmp_path / "run"
    assert train.run_command(["--video", "--run-folder", str(folder)]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    for words in ("pygame is not installed", ".[dqn,video]", "video=True", "CartPole"):
        assert words in told
    assert not folder.exists()
