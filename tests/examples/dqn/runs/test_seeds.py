"""Several seeds side by side: which, in what order, and what becomes of each."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)
pytest.importorskip("gymnasium")
pytest.importorskip("matplotlib")
pytest.importorskip("tyro")

from examples.dqn.errors import ConfigError, RunError
from examples.dqn.runs import seed_process, seeds
from examples.dqn.runs.folder import held, read_config, write_config
from examples.dqn.runs.seeds import parse_seeds, resume_seeds, train_seeds
from examples.dqn.settings.command_line import flags_of, parse_arguments
from examples.dqn.settings.config import Config
from examples.dqn.settings.tuned import tuned_config
from examples.dqn.train import main, run_command

ROOT = Path(__file__).parents[4]
SMALL = dict(
    total_steps=640,
    learning_starts=256,
    updates_per_train=4,
    hidden_sizes=(8, 8),
    eval_every=256,
    eval_episodes=2,
    final_episodes=3,
)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("0..3", [0, 1, 2, 3]),
        ("0,3,5", [0, 3, 5]),
        ("7", [7]),
        ("4..4", [4]),
        ("5, 0..1,1", [5, 0, 1]),
    ],
)
def test_seeds(text, numbers):
    assert parse_seeds(text) == numbers


@pytest.mark.parametrize(
    "config",
    [
        Config(),
        tuned_config("Acrobot-v1"),
        Config(env_id="Acrobot-v1"),
        Config(
            seed=3,
            double=False,
            noisy=True,
            hidden_sizes=(8,),
            epsilon_points=((0, 1.0), (9, 0.5)),
            clip_window=7,
            clip_scope="layer",
            run_folder=Path("a folder"),
        ),
    ],
)
def test_flags_make_the_configuration_again(config):
    assert parse_arguments(flags_of(config)) == config


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("--seeds 9..0", ["seeds must be like 0..9", "'9..0'"]),
        ("--seeds word", ["seeds must be like 0..9", "'word'"]),
        ("--seeds 1,,2", ["seeds must be like", "'1,,2'"]),
        ("--seeds=-1", ["seeds must be like", "'-1'"]),
        ("--seeds 1.5", ["seeds must be like", "'1.5'"]),
        ("--seeds 0..99999999999", ["seeds must be like", "at most 10,000"]),
        ("--seeds", ["--seeds", "Missing value"]),
        ("--seeds 0..2 --jobs 0", ["jobs must be None or at least 1", "jobs=0"]),
        ("--jobs 2", ["jobs must go with seeds", "jobs=2"]),
        ("--seeds 0..2 --seed 4", ["seed must not stand beside seeds", "seed=4"]),
        ("--seeds 0..2 --resume USED", ["resume must have no flags", "--seeds"]),
        ("--seeds 0..2 --run-folder USED", ["run_folder must be new or empty"]),
        ("--seeds 0..2 --env-id NoSuch-v0", ["env_id", "NoSuch"]),
        ("--seeds 0..2 --gamma 2", ["gamma", "[0, 1]"]),
    ],
)
def test_bad_argument(flags, words, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "used").mkdir()
    (tmp_path / "used/metrics.csv").touch()
    assert run_command(flags.replace("USED", str(tmp_path / "used")).split()) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("error: ")
    assert told.err.count("\n") == 1
    assert all(word in told.err for word in words), told.err
    assert [path.name for path in tmp_path.iterdir()] == ["used"]


def test_each_seed_is_the_run_that_it_would_be_alone(tmp_path, capsys, monkeypatch):
    folder = tmp_path / "runs"
    config = Config(**SMALL, checkpoint_every=256, run_folder=folder)
    results = train_seeds(config, [4, 1], jobs=2)
    told = capsys.readouterr().out
    alone = main(Config(**SMALL, seed=4, run_folder=tmp_path / "alone"))
    capsys.readouterr()
    assert results[1]["returns"] == alone.returns.tolist()
    assert (folder / "seed-4/metrics.csv").read_bytes() == (
        tmp_path / "alone/metrics.csv"
    ).read_bytes()
    assert read_config(folder / "seed-1") == replace(config, seed=1, run_folder=None)
    scores = np.array([result["score"] for result in results])
    for seed, result in zip((1, 4), results):
        assert f"seed {seed}: mean return {result['score']:.1f}, last" in told
    assert f"mean of 2 seeds {scores.mean():.1f}, standard deviation" in told
    assert f"min {scores.min():.1f}, max {scores.max():.1f}" in told
    assert (folder / "comparison.png").read_bytes().startswith(b"\x89PNG")
    assert "mean return" in (folder / "seed-4.log").read_text()
    # Killed and resumed, the one goes on and the other stays.
    (folder / "seed-4/result.json").unlink()
    (folder / "seed-4/checkpoints/step-000000000640.ckpt").unlink()
    shutil.rmtree(folder / "seed-1/checkpoints")
    assert run_command(["--resume", str(folder), "--jobs", "1"]) == 0
    assert "resumes at step 512" in (folder / "seed-4.log").read_text()
    again = capsys.readouterr().out.splitlines()
    assert again[0] == f"resumes 2 seeds in {folder}"
    assert again[-2:] == told.splitlines()[-2:]
    assert not any(line.startswith("seed 1:") for line in again)
    assert not (folder / "seed-1/checkpoints").exists()
    again, before = (
        json.loads(path.read_text())["returns"]
        for path in (folder / "seed-4/result.json", tmp_path / "alone/result.json")
    )
    assert again == before


SCRIPT = """
import json, pathlib, sys, time
words = sys.argv[1:]
seed, folder = (words[words.index(f"--{name}") + 1] for name in ("seed", "run-folder"))
folder = pathlib.Path(folder)
folder.mkdir()
beside = len([path for path in folder.parent.glob("seed-*.on")])
on = folder.parent / f"seed-{seed}.on"
on.touch()
time.sleep(0.4)
on.unlink()
if seed == "2":
    print("error: the environment is out of order", file=sys.stderr)
    sys.exit(1)
(folder / "config.json").write_text("{}")
(folder / "metrics.csv").write_text("step,greedy_return\\n9,1\\n640,2\\n")
values = {"step": 640, "score": float(beside), "last_score": 0.0, "seconds": 0.4}
(folder / "result.json").write_text(json.dumps(values))
"""


@pytest.fixture
def scripted(monkeypatch, tmp_path):
    """Seeds that only pretend to train, without the start of TensorFlow."""
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    popen = subprocess.Popen

    def start(command, **more):
        at = command.index("examples.dqn.train")
        return popen([sys.executable, str(path), *command[at + 1 :]], **more)

    monkeypatch.setattr(seed_process.subprocess, "Popen", start)
    monkeypatch.setattr(seeds, "SECONDS", 0.02)


def test_a_failing_seed_is_told_and_stops_no_other(scripted, tmp_path, capsys):
    config = Config(**SMALL, run_folder=tmp_path / "runs")
    with pytest.raises(RunError, match="1 of 4 seeds failed: 2"):
        train_seeds(config, [1, 2, 3, 4], jobs=2)
    told = capsys.readouterr().out
    assert "seed 2: failed (the environment is out of order), see" in told
    assert "mean of 3 seeds" in told
    assert all(f"seed {seed}: mean return" in told for seed in (1, 3, 4))


def test_seeds_that_had_nothing_to_lose_begin_anew(scripted, tmp_path, capsys):
    folder = tmp_path / "runs"
    with pytest.raises(RunError):
        train_seeds(Config(**SMALL, run_folder=folder), [1, 2, 3])
    (folder / "seed-3/result.json").write_text("")
    (folder / "seed-1/result.json").write_text('{"step": 600}')
    (folder / "seed-2/config.json").write_text("{}")
    with (folder / "seed-2.log").open("a") as log:
        log.write("something of an earlier process\n")
    with pytest.raises(RunError, match="1 of 3 seeds failed: 2"):
        resume_seeds(folder)
    told = capsys.readouterr().out.rpartition("resumes 3")[2]
    assert "mean of 2 seeds" in told
    assert "seed 2: failed (the environment is out of order)" in told


def test_seed_that_trains_still_is_left_alone(tmp_path, capsys):
    config = Config(**SMALL)
    for name in ("", "seed-1"):
        (tmp_path / name).mkdir(exist_ok=True)
        write_config(tmp_path / name, config)
    (tmp_path / "seeds.json").write_text("[1]")
    with held(tmp_path / "seed-1"), pytest.raises(RunError, match="failed: 1"):
        resume_seeds(tmp_path)
    assert "seed 1: failed (run_folder must be new or" in capsys.readouterr().out
    assert (tmp_path / "seed-1/config.json").exists()
    with held(tmp_path), pytest.raises(ConfigError, match="no process is training"):
        resume_seeds(tmp_path)


@pytest.mark.parametrize("text", ["[0, 1", "7", "[]", "{}", '["a"]'])
def test_damaged_list_of_seeds(text, tmp_path, capsys):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "seeds.json").write_text(text)
    assert run_command(["--resume", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert "a seeds.json that can be read" in told
    assert told.count("\n") == 1


@pytest.mark.parametrize("jobs", [1, 3])
def test_so_many_run_at_a_time(jobs, scripted, tmp_path):
    config = Config(**SMALL, run_folder=tmp_path / "runs")
    results = train_seeds(config, [1, 3, 4, 5], jobs=jobs)
    beside = [result["score"] for result in results]
    assert max(beside) <= jobs - 1
    assert (max(beside) > 0) == (jobs > 1)


def test_line_on_a_terminal(scripted, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    train_seeds(Config(**SMALL, run_folder=tmp_path / "runs"), [1, 3], jobs=1)
    told = capsys.readouterr().out
    assert "\r0 of 2 ended  1: 0%" in told
    assert "\r1 of 2 ended  3:" in told
    assert re.search(r"\r\x1b\[Kseed 3: mean return .*\n", told)


def test_signal_ends_all_seeds_with_their_checkpoints(tmp_path):
    folder = tmp_path / "runs"
    config = Config(
        **{**SMALL, "total_steps": 10**6}, checkpoint_every=128, run_folder=folder
    )
    command = [sys.executable, "-m", "examples.dqn.train", *flags_of(config)]
    process = subprocess.Popen(
        [*command, "--seeds", "0..3", "--jobs", "2"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 120
    try:
        while not all(
            any((folder / f"seed-{seed}/checkpoints").glob("step-*[1-9]*.ckpt"))
            for seed in (0, 1)
        ):
            assert time.monotonic() < end
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        told, complaints = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 0
    assert complaints == ""
    for seed in (0, 1):
        run = folder / f"seed-{seed}"
        assert f"seed {seed}: stopped and saved, --resume {run}" in told
        assert "SIGINT: stopped at step" in (folder / f"seed-{seed}.log").read_text()
        step = json.loads((run / "result.json").read_text())["step"]
        assert (run / f"checkpoints/step-{step:012d}.ckpt").exists()
    assert "SIGINT: the seeds save and end\n" in told
    assert told.endswith(f"\n--resume {folder} goes on with all of them\n")
    assert "mean of" not in told
    # The others were never begun.
    assert not (folder / "seed-2").exists()
