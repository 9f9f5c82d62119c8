"""What clipping did reaches the tools that people watch training with."""

import numpy as np
import pytest
from helpers.training import data, mlp

from keras_gradclip import ClipMonitor, ClippedModel, optimizers

pytestmark = [pytest.mark.ecosystem, pytest.mark.filterwarnings("default")]
NAMES = {"grad_norm", "clip_threshold", "clip_scale", "clip_fraction"}
x, y = data()


def fit(callback):
    model = mlp()
    model.compile(optimizers.Adam(0.01, clipper="autoclip"), "mse")
    model.fit(
        x, y, batch_size=8, epochs=2, verbose=0, callbacks=[ClipMonitor(), callback]
    )
    return model


def test_weights_and_biases_offline(tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb")
    from wandb.integration.keras import WandbMetricsLogger

    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    run = wandb.init(project="clipping", dir=tmp_path)
    try:
        fit(WandbMetricsLogger())
        seen = dict(run.summary)
    finally:
        run.finish()
    assert {f"epoch/{name}" for name in NAMES} <= set(seen)
    assert seen["epoch/grad_norm"] > 0


def test_mlflow(tmp_path):
    mlflow = pytest.importorskip("mlflow")
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    experiment = mlflow.create_experiment("clipping", f"file://{tmp_path}/artifacts")
    with mlflow.start_run(experiment_id=experiment) as run:
        fit(mlflow.keras.MlflowCallback(run))
    metrics = mlflow.get_run(run.info.run_id).data.metrics
    assert set(metrics) >= NAMES
    assert metrics["grad_norm"] > 0


def test_mlflow_by_itself_logs_and_saves_a_clipped_model(tmp_path):
    mlflow = pytest.importorskip("mlflow")
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    experiment = mlflow.create_experiment("clipping", f"file://{tmp_path}/artifacts")
    import keras

    inputs = keras.Input((4,))
    model = ClippedModel(inputs, keras.layers.Dense(1)(inputs))
    with mlflow.start_run(experiment_id=experiment):
        model.compile("sgd", "mse", clipper="autoclip")
        model.fit(x, y, verbose=0)
        info = mlflow.keras.log_model(model, name="model")
    loaded = mlflow.keras.load_model(info.model_uri)
    assert type(loaded.optimizer.clipper) is type(model.optimizer.clipper)
    np.testing.assert_array_equal(loaded.get_weights()[0], model.get_weights()[0])


def test_tensorboard(tmp_path):
    pytest.importorskip("tensorboard")
    pytest.importorskip("tensorflow")
    import keras
    from tensorboard.backend.event_processing.event_accumulator import (
        EventAccumulator,
    )

    fit(keras.callbacks.TensorBoard(tmp_path))
    events = EventAccumulator(str(tmp_path / "train"))
    events.Reload()
    assert {f"epoch_{name}" for name in NAMES} <= set(events.Tags()["tensors"])
