"""A run that has ended is played again."""

import json

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)
pytest.importorskip("gymnasium")
pytest.importorskip("pygame")
pytest.importorskip("tyro")

from examples.dqn.evaluate import evaluate
from examples.dqn.play import load_policy, run_command
from examples.dqn.runs.folder import read_config, write_config
from examples.dqn.settings.config import Config
from examples.dqn.train import main

# With each of the example's own layers in its network.
SETTINGS = dict(
    total_steps=600,
    learning_starts=300,
    updates_per_train=4,
    hidden_sizes=(8, 8),
    eval_every=300,
    eval_episodes=2,
    final_episodes=3,
    dueling=True,
    noisy=True,
    distributional=True,
    quantiles=5,
    layer_norm=True,
    video=True,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return main(Config(**SETTINGS, run_folder=folder))


def test_play_is_greedy_and_from_the_seed(run, capsys):
    folder = run.run_folder
    assert run_command([str(folder), "--episodes", "3", "--seed", "5"]) == 0
    returns = evaluate(load_policy(folder, read_config(folder)), "CartPole-v1", 3, 5)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        *(f"seed {5 + i}: return {value:g}" for i, value in enumerate(returns)),
        f"mean return {returns.mean():.1f} over 3 greedy episodes",
    ]


def test_play_records(run, capsys):
    flags = [str(run.run_folder), "--episodes", "1", "--video"]
    assert run_command(flags) == 0
    assert f"recorded {run.run_folder / 'play.gif'}" in capsys.readouterr().out
    assert (run.run_folder / "play.gif").read_bytes().startswith(b"GIF89a")


def test_play_shows_a_window(run, capsys, monkeypatch):
    # A display that swallows everything.
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    assert run_command([str(run.run_folder), "--episodes", "1", "--render"]) == 0
    assert "seed 0: return" in capsys.readouterr().out


def test_run_tells_its_settings_and_its_result(run):
    assert read_config(run.run_folder) == Config(**SETTINGS)
    result = json.loads((run.run_folder / "result.json").read_text())
    assert result["step"] == 600
    assert result["score"] == run.score
    assert result["last_score"] == run.last_score
    assert result["updates"] == run.updates
    np.testing.assert_array_equal(result["returns"], run.returns)


def test_video_shows_the_first_of_the_final_episodes(run):
    from PIL import Image, ImageSequence

    # A CartPole's return is its steps, and a step takes 20 ms.
    with Image.open(run.run_folder / "policy.gif") as image:
        frames = ImageSequence.Iterator(image)
        milliseconds = sum(frame.info["duration"] for frame in frames)
    assert milliseconds == 20 * (run.returns[0] + 1)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("", ["Missing", "RUN"]),
        ("EMPTY", ["folder of a run", "config.json", "No such file", "EMPTY"]),
        ("EMPTY/none", ["folder of a run", "EMPTY/none"]),
        ("UNENDED", ["first evaluation on", "policy.keras", "UNENDED"]),
        ("BROKEN", ["whole policy.keras", "BROKEN"]),
        ("EMPTY --episodes 0", ["episodes must be at least 1", "episodes=0"]),
        ("EMPTY --seed -1", ["seed must be at least 0", "seed=-1"]),
        ("EMPTY --render --video", ["render must not stand beside video"]),
        ("BLIND --video", ["draws RGB frames", "Blind-v1"]),
        ("EMPTY --word", ["--word"]),
    ],
)
def test_bad_argument(flags, words, tmp_path, capsys):
    import gymnasium

    if "Blind-v1" not in gymnasium.registry:
        gymnasium.register(
            "Blind-v1", "gymnasium.envs.classic_control:CartPoleEnv", kwargs={"sky": 1}
        )
    names = {name: tmp_path / name for name in ("EMPTY", "UNENDED", "BROKEN", "BLIND")}
    for name, folder in names.items():
        folder.mkdir()
        if name != "EMPTY":
            env_id = "Blind-v1" if name == "BLIND" else "CartPole-v1"
            write_config(folder, Config(env_id=env_id))
    (names["BROKEN"] / "policy.keras").write_bytes(b"PK")
    for name, folder in names.items():
        flags = flags.replace(name, str(folder))
    assert run_command(flags.split()) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert told.count("\n") == 1
    assert all(word in told for word in words), told
