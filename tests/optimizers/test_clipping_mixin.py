"""Where clipping happens in an update, and what it must leave alone."""

from typing import Annotated

import keras
import numpy as np
import pytest
from helpers.training import (
    BACKEND,
    RUN_MODES,
    assert_close,
    assert_same,
    assert_untouched,
    data,
    fit,
    mlp,
    state,
    weights,
)

from keras_gradclip import AutoClip, ClipByNorm, ClippingMixin, optimizers
from keras_gradclip.clippers import base

LEARNING_RATE = 0.05


def linear():
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, name="only")])


def numpy_training(model, percentile, steps_per_update=1, epochs=2):
    """Trains `linear` by SGD with AutoClip, in NumPy alone."""
    kernel, bias = (w.astype("float64") for w in weights(model))
    x, y = (array.astype("float64") for array in data())
    norms, accumulated = [], []
    for _ in range(epochs):
        for start in range(0, len(x), 8):
            a, b = x[start : start + 8], y[start : start + 8]
            error = 2 * (a @ kernel + bias - b) / len(a)
            accumulated.append((a.T @ error, error.sum(axis=0)))
            if len(accumulated) < steps_per_update:
                continue
            g_kernel, g_bias = (
                np.mean([g[i] for g in accumulated], axis=0) for i in (0, 1)
            )
            accumulated = []
            norms.append(np.sqrt((g_kernel**2).sum() + (g_bias**2).sum()))
            threshold = np.percentile(norms, percentile)
            scale = min(1.0, threshold / norms[-1])
            kernel -= LEARNING_RATE * scale * g_kernel
            bias -= LEARNING_RATE * scale * g_bias
    return [kernel, bias], norms


@pytest.mark.parametrize("mode", RUN_MODES)
def test_fit_equals_numpy(mode):
    model = linear()
    expected, norms = numpy_training(model, percentile=30)
    clipper = AutoClip(30, window=100)
    fit(model, optimizers.SGD(LEARNING_RATE, clipper=clipper), **RUN_MODES[mode])
    assert_close(weights(model), expected, 1e-4)
    history = model.optimizer.clip_history()
    np.testing.assert_allclose(history["norm"][:, 0], norms, rtol=1e-4)
    assert (history["scale"] < 1).sum() > 5


@pytest.mark.parametrize("mode", RUN_MODES)
def test_accumulation_clips_one_averaged_gradient_per_update(mode):
    model = linear()
    expected, norms = numpy_training(model, percentile=30, steps_per_update=4)
    optimizer = optimizers.SGD(
        LEARNING_RATE,
        gradient_accumulation_steps=4,
        clipper=AutoClip(30, window=100),
    )
    fit(model, optimizer, **RUN_MODES[mode])
    assert_close(weights(model), expected, 1e-4)
    np.testing.assert_allclose(optimizer.clip_history()["norm"][:, 0], norms, rtol=1e-4)
    assert len(norms) == 4


@pytest.mark.skipif(BACKEND == "torch", reason="steps_per_execution is 1 on torch")
def test_steps_per_execution_changes_nothing():
    one, many = linear(), linear()
    fit(one, optimizers.SGD(0.01, clipper=AutoClip()))
    fit(many, optimizers.SGD(0.01, clipper=AutoClip()), steps_per_execution=4)
    assert_close(weights(one), weights(many), 1e-6)
    assert_close(state(one.optimizer), state(many.optimizer), 1e-6)


KERAS_FEATURES = {
    "weight_decay": {"weight_decay": 0.1},
    "ema": {"use_ema": True, "ema_momentum": 0.5},
    "ema_overwrite": {"use_ema": True, "ema_overwrite_frequency": 3},
    "accumulation": {"gradient_accumulation_steps": 4},
    "schedule": {
        "learning_rate": keras.optimizers.schedules.ExponentialDecay(0.1, 4, 0.5)
    },
    "loss_scale_factor": {"loss_scale_factor": 128.0},
}


@pytest.mark.parametrize("feature", KERAS_FEATURES)
def test_keras_features_behave_as_in_keras(feature):
    arguments = {"learning_rate": 0.01, **KERAS_FEATURES[feature]}
    plain, ours = mlp(), mlp()
    fit(plain, keras.optimizers.Adam(**arguments))
    fit(ours, optimizers.Adam(**arguments, clipper=ClipByNorm(1e9)))
    assert_untouched(weights(plain), weights(ours))


def test_loss_scale_factor_is_taken_out_before_measuring():
    plain, scaled = mlp(), mlp()
    fit(plain, optimizers.SGD(0.01, clipper=AutoClip(30)))
    fit(scaled, optimizers.SGD(0.01, clipper=AutoClip(30), loss_scale_factor=64.0))
    assert_close(
        [plain.optimizer.clip_history()["norm"]],
        [scaled.optimizer.clip_history()["norm"]],
    )


def test_reduce_lr_on_plateau_sets_the_rate():
    model = mlp()
    callback = keras.callbacks.ReduceLROnPlateau(
        monitor="loss", factor=0.5, patience=0, min_delta=1e9
    )
    optimizer = optimizers.Adam(0.1, clipper="autoclip")
    fit(model, optimizer, epochs=3, callbacks=[callback])
    assert float(optimizer.learning_rate) < 0.1


def test_keras_global_clipnorm_is_the_same_on_one_device():
    plain, ours = mlp(), mlp()
    fit(plain, keras.optimizers.SGD(0.05, global_clipnorm=0.5))
    fit(ours, optimizers.SGD(0.05, clipper=ClipByNorm(0.5)))
    assert_close(weights(plain), weights(ours), 1e-6)


def test_keras_clipnorm_is_the_same_on_one_device():
    plain, ours = mlp(), mlp()
    fit(plain, keras.optimizers.SGD(0.05, clipnorm=0.3))
    fit(ours, optimizers.SGD(0.05, clipper=ClipByNorm(0.3, scope="variable")))
    assert_close(weights(plain), weights(ours), 1e-6)


@pytest.mark.parametrize("mode", RUN_MODES)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_broken_batch_hurts_neither_weights_nor_history(mode, bad):
    x, y = data()
    model = mlp()
    optimizer = optimizers.Adam(0.01, clipper=AutoClip(30))
    model.compile(optimizer, loss="mse", **RUN_MODES[mode])
    model.train_on_batch(x[:8], y[:8])
    before = state(optimizer)
    model.train_on_batch(x[8:16], np.full_like(y[8:16], bad))
    log_and_slots = zip(optimizer.variables, before)
    for variable, old in log_and_slots:
        if "clip_" in variable.name and "log" not in variable.name:
            np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), old)
    model.train_on_batch(x[16:24], y[16:24])
    assert all(np.isfinite(w).all() for w in weights(model))
    assert all(np.isfinite(s).all() for s in state(optimizer)[: len(before) - 1])
    history = optimizer.clip_history()
    assert list(np.isfinite(history["norm"][:, 0])) == [True, False, True]
    assert history["scale"][1, 0] == 0
    assert not np.isnan(history["norm"]).any()


def test_one_clipper_serves_two_optimizers():
    clipper = AutoClip(30)
    first, second, alone = mlp(), mlp(), mlp()
    fit(first, optimizers.SGD(0.01, clipper=clipper))
    fit(second, optimizers.SGD(0.01, clipper=clipper))
    fit(alone, optimizers.SGD(0.01, clipper=AutoClip(30)))
    assert_same(weights(second), weights(alone))
    assert_same(state(first.optimizer), state(second.optimizer))


@pytest.mark.parametrize("name", ["clipnorm", "clipvalue", "global_clipnorm"])
def test_two_kinds_of_clipping_are_refused(name):
    with pytest.raises(ValueError, match=rf"`clipper` and `{name}`.*Received.*=1.0"):
        optimizers.Adam(clipper="autoclip", **{name: 1.0})


@pytest.mark.parametrize("clipper", ["autoclop", 3, {"class_name": "Dense"}])
def test_what_is_no_clipper_is_refused(clipper):
    with pytest.raises((ValueError, TypeError)):
        optimizers.Adam(clipper=clipper)


def test_an_optimizer_that_bypasses_the_hook_is_found_out():
    class Bypass(ClippingMixin, keras.optimizers.SGD):
        def _backend_apply_gradients(self, grads, trainable_variables):
            pass

    variable = keras.Variable(np.ones(2, "float32"))
    optimizer = Bypass(1.0, clipper=ClipByNorm(1.0))
    with pytest.raises(RuntimeError, match="were not clipped"):
        optimizer.apply([keras.ops.ones(2)], [variable])


def test_reading_the_history_too_early_says_why():
    with pytest.raises(ValueError, match="has not been built"):
        optimizers.Adam(clipper="autoclip").clip_history()
    with pytest.raises(ValueError, match="has no clipper"):
        _ = optimizers.Adam().clip_groups


def test_history_returns_the_last_steps_after_the_log_wraps():
    variable = keras.Variable(np.zeros(1, "float32"))
    optimizer = optimizers.SGD(0.0, clipper=ClipByNorm(1.5))
    optimizer.build([variable])
    length = optimizer.clip_state.log.length
    for step in range(length + 5):
        optimizer.apply([keras.ops.full((1,), float(step))], [variable])
    history = optimizer.clip_history()
    assert list(history["step"]) == list(range(5, length + 5))
    np.testing.assert_array_equal(history["norm"][:, 0], history["step"])
    assert list(optimizer.clip_history(since=length + 3)["step"]) == [
        length + 3,
        length + 4,
    ]


@keras.saving.register_keras_serializable(package="tests")
class ClipToMean(base.HistoryClipper):
    """The example in the docstring of `HistoryClipper`, word for word."""

    factor: Annotated[base.Hyperparameter, base.Range(above=0)] = 1.0

    def initial_state(self, groups):
        return {"sum": groups.full(0.0), "count": groups.full(0.0)}

    def decide(self, measured, state):
        total = state["sum"] + measured.norms
        count = state["count"] + 1.0
        return self.factor * total / count, {"sum": total, "count": count}


def test_a_rule_of_ones_own_is_two_methods():
    model = mlp()
    fit(model, optimizers.SGD(0.01, clipper=ClipToMean(1.5, scope="layer")))
    history = model.optimizer.clip_history()
    steps = np.arange(1, 17)[:, None]
    means = np.cumsum(history["norm"], axis=0) / steps
    np.testing.assert_allclose(history["threshold"], 1.5 * means, rtol=1e-4)
