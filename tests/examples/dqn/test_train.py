"""Whole runs, small ones."""

import csv
from pathlib import Path

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)
pytest.importorskip("gymnasium")
pytest.importorskip("matplotlib")

from examples.dqn.runs.report import Row
from examples.dqn.settings.config import Config
from examples.dqn.train import main


def small_run(folder: Path, **settings):
    defaults = dict(
        run_folder=folder,
        total_steps=1500,
        learning_starts=500,
        hidden_sizes=(16, 16),
        train_every=128,
        updates_per_train=32,
        target_period=32,
        eval_every=600,
        eval_episodes=3,
        final_episodes=5,
    )
    return main(Config(**defaults | settings))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return small_run(tmp_path_factory.mktemp("run"))


def rows_of(run):
    with (run.run_folder / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_result(run):
    assert run.returns.shape == (5,)
    assert run.score == run.returns.mean()
    assert 8 <= run.score <= 500
    assert 0 < run.seconds < 300


def test_metrics(run):
    rows = rows_of(run)
    steps = [int(row["step"]) for row in rows]
    assert tuple(rows[0]) == Row._fields
    assert steps == [*range(128, 1500, 128), 1500]
    # Learning starts at step 512, the first end of a cycle after 500.
    blocks = sum(step >= 500 for step in steps)
    assert int(rows[-1]["updates"]) == run.updates == 32 * blocks
    learning = [row for row in rows if row["loss"]]
    assert len(learning) == blocks
    for row in learning:
        assert float(row["norm"]) > 0
        assert float(row["threshold"]) > 0
        assert 0 <= float(row["clip_fraction"]) <= 1
    assert sum(bool(row["greedy_return"]) for row in rows) == 2
    assert float(rows[0]["epsilon"]) < 1
    assert float(rows[-1]["epsilon"]) == pytest.approx(0.04)


def test_files(run):
    kept = keras.models.load_model(run.run_folder / "policy.keras")
    assert kept.output_shape == (None, 2)
    names = {path.name for path in run.run_folder.iterdir()}
    assert {"metrics.csv", "run.png", "online.keras", "target.weights.h5"} <= names
    events = list(run.run_folder.glob("events.out.tfevents.*"))
    assert len(events) == 1
    assert events[0].stat().st_size > 1000
    assert (run.run_folder / "run.png").read_bytes().startswith(b"\x89PNG")


def test_checkpoint_holds_network_and_optimizer(run):
    network = keras.models.load_model(run.run_folder / "online.keras")
    assert network.output_shape == (None, 2)
    assert int(network.optimizer.iterations) == run.updates
    assert network.optimizer.clipper.percentile == Config.clip_percentile


def test_same_seed_same_metrics_and_other_seed_other_metrics(run, tmp_path):
    def metrics(result):
        return (result.run_folder / "metrics.csv").read_bytes()

    again = small_run(tmp_path / "again")
    other = small_run(tmp_path / "other", seed=1)
    assert metrics(again) == metrics(run)
    np.testing.assert_array_equal(again.returns, run.returns)
    assert metrics(other) != metrics(run)


def test_several_environments_stop_at_the_last_step(tmp_path):
    settings = dict(num_envs=16, total_steps=1501, clipper="none", eval_every=10_000)
    result = small_run(tmp_path / "run", **settings)
    rows = rows_of(result)
    assert int(rows[-1]["step"]) == 1501
    assert rows[-1]["norm"] == ""
