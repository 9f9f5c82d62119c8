"""Whole runs, small ones."""

import csv
import io
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)
pytest.importorskip("gymnasium")
pytest.importorskip("matplotlib")

from examples.dqn import trainer
from examples.dqn.runs.report import Progress, Row
from examples.dqn.runs.run_plot import running_mean
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


class Terminal(io.StringIO):
    def isatty(self):
        return True


ROW = Row(step=500, updates=9, episodes=3, epsilon=0.25, mean_return=21.5, loss=0.125)


def test_progress_on_a_terminal_stays_on_one_line():
    stream = Terminal()
    progress = Progress(1000, stream)
    for step in (500, 510, 1000):
        progress.show(ROW._replace(step=step))
    progress.close()
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert text.endswith("\n")
    assert text.count("\r") == 3


@pytest.mark.parametrize(
    ("columns", "begins"), [(80, " 50% "), (200, "    500/1,000 | ")]
)
def test_progress_tells_all_at_any_width(columns, begins, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    stream = Terminal()
    row = ROW._replace(mean_return=500.0, norm=12.34, threshold=10.56, clip_fraction=1)
    Progress(1000, stream).show(row)
    line = stream.getvalue().removeprefix("\r").removesuffix("\x1b[K")
    assert len(line) < columns
    assert line.startswith(begins)
    for words in ("return 500.0", "0.25", "loss 0.12", "norm 12.3", "threshold 10."):
        assert words in line
    assert "clipped" in line
    assert line.endswith("100%")


def test_progress_in_a_pipe_is_ten_plain_lines():
    stream = io.StringIO()
    progress = Progress(1000, stream)
    for step in range(10, 1001, 10):
        progress.show(ROW._replace(step=step))
    progress.close()
    lines = stream.getvalue().splitlines()
    assert len(lines) == 10
    assert "\r" not in stream.getvalue()
    assert "\x1b" not in stream.getvalue()
    for words in ("100/1,000 |  10% ", "return  21.5", "epsilon 0.25", "loss 0.1250"):
        assert words in lines[0]
    assert "norm -" in lines[0]


def test_running_mean():
    np.testing.assert_allclose(
        running_mean(np.array([1.0, 3.0, 5.0, 7.0]), 2), [1.0, 2.0, 4.0, 6.0]
    )


@pytest.mark.parametrize(
    ("keep", "returns", "kept"),
    [
        ("best", [10.0, 500.0, 500.0, 30.0], 2),
        ("best", [10.0, 5.0], 0),
        ("last", [10.0, 5.0], 1),
        ("best", [], "untrained"),
        ("best", [-200.0, -90.0, -110.0], 1),
    ],
)
def test_which_policy_is_kept(keep, returns, kept, monkeypatch):
    envs = SimpleNamespace(observation_shape=(4,))
    agent = SimpleNamespace(policy=lambda: "untrained")
    tested = trainer.Trainer(Config(keep=keep), agent, envs, None, None, 0)
    for number, value in enumerate(returns):
        monkeypatch.setattr(trainer, "evaluate", lambda *_, v=value: np.array([v]))
        tested.policy = number
        tested._evaluate()
    assert tested.kept_policy() == kept
