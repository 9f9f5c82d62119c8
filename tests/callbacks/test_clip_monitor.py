"""`ClipMonitor`: what it logs, what it keeps, what it draws."""

import keras
import numpy as np
import pytest
from helpers.training import BACKEND, RUN_MODES, data, fit, mlp, weights

from keras_gradclip import (
    AGC,
    AutoClip,
    Chain,
    ClipByNorm,
    ClipByValue,
    ClipMonitor,
    optimizers,
)

ENTRIES = {
    "grad_norm",
    "grad_norm_clipped",
    "grad_norm_p50",
    "grad_norm_p90",
    "grad_norm_p99",
    "clip_threshold",
    "clip_scale",
    "clip_fraction",
    "clip_nonfinite",
}


def monitored(clipper, epochs=2, callbacks=(), optimizer=optimizers.SGD, **arguments):
    model, monitor = mlp(), ClipMonitor()
    history = fit(
        model,
        optimizer(0.01, clipper=clipper),
        epochs=epochs,
        callbacks=[monitor, *callbacks],
        **arguments,
    )
    return monitor, history.history


class NormsOfEachStep(keras.callbacks.Callback):
    """Reads the norm after every batch: slow, and independent of the log."""

    def __init__(self):
        super().__init__()
        self.norms = []

    def on_train_batch_end(self, batch, logs=None):
        optimizer = self.model.optimizer
        step = int(keras.ops.convert_to_numpy(optimizer.iterations))
        self.norms.append(optimizer.clip_history(since=step - 1)["norm"][0])


@pytest.mark.parametrize("mode", RUN_MODES)
def test_the_trace_holds_every_step(mode):
    probe = NormsOfEachStep()
    monitor, _ = monitored(
        AutoClip(30, scope="layer"), callbacks=[probe], **RUN_MODES[mode]
    )
    assert [name.split("/")[-1] for name in monitor.groups] == ["first", "last"]
    assert list(monitor.trace["step"]) == list(range(16))
    np.testing.assert_array_equal(monitor.trace["norm"], probe.norms)


def test_the_trace_is_whole_when_the_log_is_short(monkeypatch):
    expected, _ = monitored(AutoClip(30), epochs=3)
    monkeypatch.setattr(
        "keras_gradclip.optimizers.clip_log.log_length_for", lambda groups: 3
    )
    short, _ = monitored(AutoClip(30), epochs=3)
    for name, values in expected.trace.items():
        np.testing.assert_allclose(short.trace[name], values, rtol=1e-6)


@pytest.mark.skipif(BACKEND == "torch", reason="steps_per_execution is 1 on torch")
def test_lost_steps_are_told(monkeypatch):
    monkeypatch.setattr(
        "keras_gradclip.optimizers.clip_log.log_length_for", lambda groups: 3
    )
    with pytest.warns(UserWarning, match="lost steps 0 to"):
        monitored(AutoClip(30), epochs=1, steps_per_execution=8)


def test_the_logs_are_means_over_each_epoch():
    monitor, logs = monitored(AutoClip(30))
    assert set(logs) >= ENTRIES
    for epoch in (0, 1):
        part = slice(8 * epoch, 8 * epoch + 8)
        trace = {name: values[part] for name, values in monitor.trace.items()}
        expected = {
            "grad_norm": trace["norm"].mean(),
            "grad_norm_clipped": trace["grad_norm_clipped"].mean(),
            "clip_nonfinite": 0,
            "clip_threshold": trace["threshold"].mean(),
            "clip_scale": trace["scale"].mean(),
            "clip_fraction": (trace["scale"] < 1).mean(),
        }
        for name, value in expected.items():
            assert logs[name][epoch] == pytest.approx(value, rel=1e-5)
    assert 0 < logs["clip_fraction"][0] < 1


def test_the_norm_is_that_of_the_whole_gradient():
    _, whole_logs = monitored(ClipByNorm(1e9))
    parts, part_logs = monitored(ClipByNorm(1e9, scope="variable"))
    chained, chain_logs = monitored(Chain([ClipByNorm(1e9), ClipByNorm(1e8)]))
    for logs in (part_logs, chain_logs):
        np.testing.assert_allclose(logs["grad_norm"], whole_logs["grad_norm"], 1e-5)
    assert len(parts.groups) == 4
    assert chained.groups == ("0/global", "1/global")


WITH_PARTS_LEFT_OUT = {
    "exclude": lambda: ClipByNorm(1.0, exclude="last"),
    "include": lambda: ClipByNorm(0.1, include="bias", scope="variable"),
    "unit": lambda: AGC(0.01, exclude="last"),
    "value": lambda: ClipByValue(0.1, exclude="last"),
    "chain": lambda: Chain(
        [AGC(0.01, exclude="last"), ClipByNorm(1.0, include="last")]
    ),
}


@pytest.mark.parametrize("kind", WITH_PARTS_LEFT_OUT)
def test_the_norm_is_of_the_whole_gradient_whatever_is_left_out(kind):
    def standing_still(*args, **arguments):
        return optimizers.SGD(0.0, clipper=arguments["clipper"])

    # With a rate of 0 every rule sees the same gradients.
    _, logs = monitored(WITH_PARTS_LEFT_OUT[kind](), optimizer=standing_still)
    _, whole = monitored(ClipByNorm(1e9), optimizer=standing_still)
    np.testing.assert_allclose(logs["grad_norm"], whole["grad_norm"], rtol=1e-5)


@pytest.mark.parametrize("kind", WITH_PARTS_LEFT_OUT)
def test_the_trace_has_the_whole_norm_before_and_after(kind):
    model, monitor = mlp(), ClipMonitor()
    before = weights(model)
    x, y = data(samples=8)
    clipper = WITH_PARTS_LEFT_OUT[kind]()
    model.compile(optimizers.SGD(1.0, clipper=clipper), "mse", jit_compile=False)
    model.fit(x, y, batch_size=8, verbose=0, callbacks=[monitor])
    assert {"grad_norm", "grad_norm_clipped"} < set(monitor.trace)
    # At a rate of 1 the step is the clipped gradient.
    steps = [b - a for a, b in zip(weights(model), before)]
    applied = np.sqrt(sum((step**2).sum() for step in steps))
    np.testing.assert_allclose(monitor.trace["grad_norm_clipped"], [applied], 1e-4)
    assert monitor.trace["grad_norm"][0] > applied


def test_other_callbacks_see_the_entries(tmp_path):
    stop = keras.callbacks.EarlyStopping(monitor="clip_fraction", mode="min")
    path = tmp_path / "log.csv"
    monitored(AutoClip(30), callbacks=[keras.callbacks.CSVLogger(path), stop])
    assert set(path.read_text().splitlines()[0].split(",")) >= ENTRIES
    assert stop.best is not None


def test_broken_steps_are_in_the_trace_but_not_in_the_means():
    model, monitor = mlp(), ClipMonitor()
    model.compile(optimizers.SGD(0.01, clipper=AutoClip(30)), "mse")
    x, y = data()
    y[8:16] = np.nan
    logs = model.fit(
        x, y, batch_size=8, shuffle=False, verbose=0, callbacks=[monitor]
    ).history
    assert np.isinf(monitor.trace["norm"][1, 0])
    assert np.isfinite([logs[name] for name in ENTRIES]).all()


def test_accumulation_steps_are_counted_once():
    monitor, _ = monitored(
        AutoClip(30),
        optimizer=lambda *a, **k: optimizers.SGD(
            *a, **k, gradient_accumulation_steps=4
        ),
    )
    assert list(monitor.trace["step"]) == [0, 1, 2, 3]


def test_a_second_fit_goes_on():
    model, monitor = mlp(), ClipMonitor()
    optimizer = optimizers.SGD(0.01, clipper=AutoClip(30))
    fit(model, optimizer, epochs=1, callbacks=[monitor])
    x, y = data()
    model.fit(x, y, batch_size=8, verbose=0, callbacks=[monitor])
    assert list(monitor.trace["step"]) == list(range(16))


def test_a_fit_of_another_model_is_logged_alone():
    monitor = ClipMonitor()
    for rate in (0.5, 0.0):
        optimizer = optimizers.SGD(rate, clipper=ClipByNorm(0.1))
        history = fit(mlp(), optimizer, epochs=1, callbacks=[monitor]).history
        norms = optimizer.clip_history()["grad_norm"]
        assert history["grad_norm"][0] == pytest.approx(norms.mean(), rel=1e-5)


def test_nothing_is_read_per_batch(monkeypatch):
    reads = []
    read = optimizers.SGD.clip_history
    monkeypatch.setattr(
        optimizers.SGD,
        "clip_history",
        lambda self, since=0: reads.append(since) or read(self, since),
    )
    monitored(AutoClip(30), epochs=2)
    assert reads == [0, 8]


def test_an_optimizer_without_a_clipper_is_refused():
    with pytest.raises(ValueError, match="needs an optimizer with a clipper"):
        fit(mlp(), keras.optimizers.SGD(), callbacks=[ClipMonitor()])


def test_the_groups_before_training_are_refused():
    with pytest.raises(ValueError, match=r"`groups` .*once training has begun.*`fit`"):
        _ = ClipMonitor().groups


def test_the_trace_before_training_is_refused():
    with pytest.raises(ValueError, match="once an epoch has ended"):
        _ = ClipMonitor().trace


@pytest.mark.parametrize("clipper", [AutoClip(30, scope="variable"), AGC(0.01)])
def test_the_plot_is_drawn(clipper, tmp_path):
    pytest.importorskip("matplotlib")
    monitor, _ = monitored(clipper)
    path = monitor.plot(tmp_path / "clipping.png")
    image = path.read_bytes()
    assert image.startswith(b"\x89PNG")
    assert len(image) > 10_000
    with pytest.raises(ValueError, match="`groups` must be among"):
        monitor.plot(tmp_path / "x.png", groups=["nonsense"])
