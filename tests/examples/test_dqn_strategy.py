"""One device and two replicas learn the same."""

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import keras
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)

import tensorflow as tf

from examples.dqn.config import Config, ConfigError
from examples.dqn.strategy import make_strategy

ROOT = Path(__file__).parents[2]

# Logical devices must be made before TensorFlow starts, hence another process.
COMPARE = """
import json
import numpy as np
import tensorflow as tf
from examples.dqn.agent import Agent
from examples.dqn.config import Config
from examples.dqn.replay import Transitions
from examples.dqn.strategy import configure_devices, make_strategy

def learn(strategy, period, rate):
    config = Config(strategy=strategy, logical_devices=2, hidden_sizes=(16, 16),
                    batch_size=8, updates_per_train=5, target_period=period,
                    target_rate=rate, clipper="norm", clip_norm=0.6)
    configure_devices(config)
    strategy = make_strategy(config)
    agent = Agent((4,), 2, config, strategy)
    generator = np.random.default_rng(0)
    normal = lambda *shape: generator.normal(size=(5, 8, *shape)).astype("float32")
    for _ in range(2):
        batches = Transitions(
            normal(4), generator.integers(2, size=(5, 8)).astype("int32"), normal(),
            generator.choice([0, 0.99], size=(5, 8)).astype("float32"), normal(4))
        found = agent.update(batches)
    flat = [np.concatenate([w.ravel() for w in net.get_weights()])
            for net in (agent.online, agent.target)]
    clips = agent.clip_history(since=0)
    return strategy.num_replicas_in_sync, *found, *flat, clips["norm"], clips["clipped"]

def gap(period, rate):
    one, two = learn("one_device", period, rate), learn("mirrored", period, rate)
    assert (one[0], two[0]) == (1, 2)
    assert 0 < two[-1].mean() < 1, "some updates must be clipped, some not"
    return [float(np.abs(a - b).max()) for a, b in zip(one[1:], two[1:])]

print(json.dumps([gap(5, 1.0), gap(1, 0.1)]))
"""


def test_mirrored_equals_one_device():
    done = subprocess.run(
        [sys.executable, "-c", COMPARE], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    for gaps in json.loads(done.stdout.splitlines()[-1]):
        assert max(gaps) < 1e-5, gaps


@pytest.fixture
def machine(monkeypatch):
    """Pretends to have devices; strategies become (name, devices) pairs."""

    def pretend(**counts):
        def devices(kind):
            numbers = range(counts.get(kind, 0))
            return [SimpleNamespace(name=f"{kind}:{number}") for number in numbers]

        monkeypatch.setattr(tf.config, "list_logical_devices", devices)
        for name in ("MirroredStrategy", "OneDeviceStrategy"):
            fake = partial(lambda name, devices: (name, devices), name)
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
    assert make_strategy(Config(strategy=name)) == answer


def test_default_strategy():
    assert make_strategy(Config(strategy="default")) is tf.distribute.get_strategy()


@pytest.mark.parametrize("counts", [dict(CPU=1), dict(CPU=2, GPU=1)])
def test_mirrored_needs_devices(machine, counts):
    machine(**counts)
    with pytest.raises(ConfigError, match=r"two or more devices.*Received: .PU:0$"):
        make_strategy(Config(strategy="mirrored"))


def test_batch_must_divide(machine):
    machine(CPU=3)
    with pytest.raises(ConfigError, match=r"3 replicas. Received: batch_size=64"):
        make_strategy(Config(strategy="mirrored"))


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
