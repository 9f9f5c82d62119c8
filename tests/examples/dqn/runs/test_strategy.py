"""One device and two replicas learn the same."""

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from helpers import dqn_runs
from processes import cluster

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)

import tensorflow as tf

from examples.dqn.errors import ConfigError
from examples.dqn.runs.checkpoint import read_newest
from examples.dqn.runs.strategy import make_strategy
from examples.dqn.settings.command_line import flags_of
from examples.dqn.settings.config import Config
from examples.dqn.train import main

ROOT = Path(__file__).parents[4]

# Logical devices must be made before TensorFlow starts, hence another process.
COMPARE = """
import json
import sys
import numpy as np
import tensorflow as tf
from examples.dqn.agent import Agent
from examples.dqn.settings.config import Config
from examples.dqn.replay.transitions import Transitions
from examples.dqn.runs.strategy import configure_devices, make_strategy

REPLICAS = int(sys.argv[1])
strategies = {}
normal = lambda *shape: generator.normal(size=(5, 8, *shape)).astype("float32")

def learn(strategy, **settings):
    global generator
    config = Config(strategy=strategy, logical_devices=REPLICAS, hidden_sizes=(16, 16),
                    batch_size=8, updates_per_train=5, clipper="clip_by_norm",
                    **settings)
    configure_devices(config.threads, config.logical_devices)
    if strategy not in strategies:
        # Several objects of one kind in a process would mix up their collectives.
        strategies[strategy] = make_strategy(strategy, config.batch_size)
    strategy = strategies[strategy]
    agent = Agent((4,), 2, config, strategy)
    generator = np.random.default_rng(0)
    for _ in range(2):
        batches = Transitions(
            normal(4), generator.integers(2, size=(5, 8)).astype("int32"), normal(),
            generator.choice([0, 0.99], size=(5, 8)).astype("float32"), normal(4))
        found = agent.update(batches, np.abs(normal()))
    flat = [np.concatenate([w.ravel() for w in net.get_weights()])
            for net in (agent.online, agent.target)]
    clips = agent.clip_history(since=0)
    return strategy.num_replicas_in_sync, *found, *flat, clips["norm"], clips["clipped"]

def gap(**settings):
    one, all = learn("one_device", **settings), learn("mirrored", **settings)
    assert (one[0], all[0]) == (1, REPLICAS)
    assert 0 < all[-1].mean() < 1, "some updates must be clipped, some not"
    return [float(np.abs(a - b).max()) for a, b in zip(one[1:], all[1:])]

print(json.dumps([
    gap(target_period=5, clip_max_norm=0.27),
    gap(target_period=1, target_rate=0.1, clip_max_norm=0.83, dueling=True,
        distributional=True, quantiles=5, noisy=True),
]))
"""


@pytest.mark.parametrize("replicas", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_mirrored_equals_one_device(replicas):
    done = subprocess.run(
        [sys.executable, "-c", COMPARE, str(replicas)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    for gaps in json.loads(done.stdout.splitlines()[-1]):
        assert max(gaps) < 1e-5, gaps


SMALL = {**dqn_runs.SMALL, "total_steps": 1024, "checkpoint_every": 128}


def run_workers(folder, run_folder, dies_at=("never", "never")):
    addresses = [f"127.0.0.1:{port}" for port in cluster.free_ports(2)]
    tasks = [{"type": "worker", "index": index} for index in range(2)]
    environments = [
        {"TF_CONFIG": json.dumps({"cluster": {"worker": addresses}, "task": task})}
        for task in tasks
    ]
    flags = ["--strategy", "multi_worker", "--run-folder", run_folder]
    flags += flags_of(Config(**SMALL))
    commands = [["dqn_worker.py", step, *flags] for step in dies_at]
    return cluster.run(commands, environments, folder, timeout=240)


def state_of(folder):
    state, _ = read_newest(folder / "checkpoints")
    return state


def test_two_workers_equal_one_process(tmp_path):
    for ended in run_workers(tmp_path, tmp_path / "two"):
        assert ended.code == 0, ended.output
        assert "mean return" in ended.output
    one = main(Config(**SMALL, run_folder=tmp_path / "one"))
    states = [state_of(tmp_path / name) for name in ("one", "two")]
    assert states[0]["step"] == states[1]["step"] == 1024
    for part in ("online", "target"):
        for a, b in zip(*(state["agent"][part] for state in states)):
            np.testing.assert_allclose(a, b, atol=1e-4)
    assert one.updates == 8 * 5


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_a_lost_worker_ends_the_run_and_one_goes_on(victim, tmp_path):
    dies_at = ["never", "never"]
    dies_at[victim] = "768"
    ended = run_workers(tmp_path, tmp_path / "run", dies_at)
    survivor = ended[1 - victim]
    assert survivor.code == 1, survivor.output
    assert "another worker was lost" in survivor.output
    assert state_of(tmp_path / "run")["step"] >= 640
    result = main(Config(resume=tmp_path / "run", strategy="one_device"))
    assert result.updates == 8 * 5


def pretended(name, devices):
    count = len(devices) if isinstance(devices, list) else 1
    return SimpleNamespace(chosen=(name, devices), num_replicas_in_sync=count)


@pytest.fixture
def machine(monkeypatch):
    """Pretends to have devices; strategies tell what was chosen."""

    def pretend(**counts):
        def devices(kind):
            numbers = range(counts.get(kind, 0))
            return [SimpleNamespace(name=f"{kind}:{number}") for number in numbers]

        monkeypatch.setattr(tf.config, "list_logical_devices", devices)
        for name in ("MirroredStrategy", "OneDeviceStrategy"):
            fake = partial(pretended, name)
            monkeypatch.setattr(tf.distribute, name, fake)

    return pretend


@pytest.mark.parametrize(
    ("name", "counts", "answer"),
    [
        ("auto", dict(CPU=1), ("OneDeviceStrategy", "CPU:0")),
        ("auto", dict(CPU=2), ("OneDeviceStrategy", "CPU:0")),
        ("auto", dict(CPU=1, GPU=1), ("OneDeviceStrategy", "GPU:0")),
        ("auto", dict(CPU=1, GPU=2), ("MirroredStrategy", ["GPU:0", "GPU:1"])),
        ("one_device", dict(CPU=1, GPU=2), ("OneDeviceStrategy", "GPU:0")),
        ("mirrored", dict(CPU=2), ("MirroredStrategy", ["CPU:0", "CPU:1"])),
    ],
)
def test_choice_of_devices(machine, name, counts, answer):
    machine(**counts)
    assert make_strategy(name, 64).chosen == answer


def test_default_strategy():
    assert make_strategy("default", 64) is tf.distribute.get_strategy()


@pytest.mark.parametrize("counts", [dict(CPU=1), dict(CPU=2, GPU=1)])
def test_mirrored_needs_devices(machine, counts):
    machine(**counts)
    with pytest.raises(ConfigError, match=r"two or more devices.*Received: .PU:0$"):
        make_strategy("mirrored", 64)


def test_batch_must_divide(machine):
    machine(CPU=3)
    with pytest.raises(ConfigError, match=r"3 replicas. Received: batch_size=64"):
        make_strategy("mirrored", 64)


@pytest.mark.parametrize(
    ("name", "words"),
    [("multi_worker", "TF_CONFIG"), ("tpu", "a TPU that TensorFlow can reach")],
)
def test_strategy_that_is_not_here(name, words, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(ConfigError, match=rf"strategy='{name}' must have .*{words}"):
        make_strategy(name, 64)


def test_command_tells_a_missing_device_in_one_line(tmp_path):
    flags = ["--strategy", "mirrored", "--run-folder", str(tmp_path / "run")]
    done = subprocess.run(
        [sys.executable, "-m", "examples.dqn.train", *flags],
        cwd=ROOT,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "two or more devices" in done.stderr
