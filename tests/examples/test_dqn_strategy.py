"""One device and two replicas learn the same."""

import json
import subprocess
import sys
from pathlib import Path

import keras
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)

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
        losses = agent.update(batches)
    flat = [np.concatenate([w.ravel() for w in net.get_weights()])
            for net in (agent.online, agent.target)]
    clips = agent.clip_history(since=0)
    return strategy.num_replicas_in_sync, losses, *flat, clips["norm"], clips["clipped"]

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


def test_mirrored_needs_devices():
    with pytest.raises(ConfigError, match=r"two or more devices.*Received: .*CPU:0"):
        make_strategy(Config(strategy="mirrored"))


@pytest.mark.parametrize("name", ["auto", "one_device", "default"])
def test_one_replica_without_several_gpus(name):
    assert make_strategy(Config(strategy=name)).num_replicas_in_sync == 1


def test_batch_must_divide(tmp_path):
    flags = ["--strategy", "mirrored", "--logical-devices", "2", "--batch-size", "63"]
    flags += ["--run-folder", str(tmp_path / "run")]
    done = subprocess.run(
        [sys.executable, "-m", "examples.dqn.train", *flags],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "batch_size must divide by the 2 replicas" in done.stderr
    assert "batch_size=63" in done.stderr
