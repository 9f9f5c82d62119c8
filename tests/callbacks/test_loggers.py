"""`on_log` with the loggers that people have, three lines each and offline.

Where a logger is installed, it is used; a stand-in shows that its function is
called with what it takes.
"""

import json
import numbers

import pytest
from helpers.training import fit, mlp

from keras_gradclip import AutoClip, ClipMonitor, optimizers

offline = pytest.mark.filterwarnings("default")


def trained(on_log, **arguments):
    monitor = ClipMonitor(on_log=on_log, **arguments)
    optimizer = optimizers.SGD(0.01, clipper=AutoClip(30))
    history = fit(mlp(), optimizer, epochs=2, callbacks=[monitor]).history
    return {name: values for name, values in history.items() if name != "loss"}


class StandIn:
    """Takes what `wandb.Run.log`, `trackio.log` and `mlflow.log_metrics` take."""

    def __init__(self):
        self.rows = []

    def log(self, data, step=None):
        assert all(isinstance(name, str) for name in data)
        assert all(isinstance(value, numbers.Real) for value in data.values())
        json.dumps(data)  # no NumPy number is in it
        self.rows.append(data)

    log_metrics = log


@pytest.mark.parametrize("method", ["log", "log_metrics"])
def test_a_loggers_function_is_passed_as_it_is(method):
    logger = StandIn()
    logs = trained(getattr(logger, method), prefix="train/", log_groups=1)
    assert [row["train/grad_norm"] for row in logger.rows] == logs["train/grad_norm"]
    assert set(logger.rows[0]) == set(logs)


@offline
def test_weights_and_biases(tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    run = wandb.init(project="clipping", dir=tmp_path)
    try:
        logs = trained(run.log, prefix="train/")
        seen = dict(run.summary)
    finally:
        run.finish()
    assert seen["train/grad_norm"] == logs["train/grad_norm"][-1]


@offline
def test_mlflow(tmp_path):
    mlflow = pytest.importorskip("mlflow")
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    experiment = mlflow.create_experiment("clipping", f"file://{tmp_path}/artifacts")
    with mlflow.start_run(experiment_id=experiment) as run:
        logs = trained(mlflow.log_metrics)
    metrics = mlflow.get_run(run.info.run_id).data.metrics
    assert metrics["grad_norm"] == pytest.approx(logs["grad_norm"][-1])


@offline
def test_trackio(tmp_path, monkeypatch):
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path))
    trackio = pytest.importorskip("trackio")
    run = trackio.init(project="clipping", embed=False)
    logs = trained(trackio.log)
    trackio.finish()
    assert len(logs["grad_norm"]) == 2
    assert any(tmp_path.rglob("*clipping*"))
    assert run is not None
