"""Each fit is told of alone: models in turn, going back, several optimizers."""

import keras
import numpy as np
import pytest
from helpers.training import data, fit, mlp

from keras_gradclip import AutoClip, ClipByNorm, ClipMonitor, optimizers

needs_multi = pytest.mark.skipif(
    not hasattr(keras.optimizers, "MultiOptimizer"), reason="not in this Keras yet"
)


def sgd(rate=0.01, clipper=None):
    return optimizers.SGD(rate, clipper=clipper or ClipByNorm(0.1))


def fit_again(model, monitor, samples=64, scale=1.0):
    x, y = data(samples)
    history = model.fit(
        x, scale * y, batch_size=8, shuffle=False, verbose=0, callbacks=[monitor]
    )
    return history.history


def test_each_models_figures_are_its_own_whatever_its_groups():
    monitor, logged = ClipMonitor(), []
    made = [sgd(0.5), sgd(0.0), sgd(clipper=ClipByNorm(1.0, scope="variable"))]
    for optimizer in made:
        history = fit(mlp(), optimizer, epochs=1, callbacks=[monitor])
        logged.append(history.history["grad_norm"][0])
    for optimizer, value in zip(made, logged):
        norms = optimizer.clip_history()["grad_norm"]
        assert value == pytest.approx(norms.mean(), rel=1e-5)
    assert [len(trace.groups) for trace in monitor.traces] == [1, 1, 4]
    assert [trace.steps for trace in monitor.traces] == [8, 8, 8]
    assert monitor.trace.groups == monitor.groups == made[-1].clip_groups


def test_a_model_that_comes_again_goes_on():
    monitor, (one, other) = ClipMonitor(), (mlp(), mlp())
    fit(one, sgd(), epochs=1, callbacks=[monitor])
    fit(other, sgd(), epochs=1, callbacks=[monitor])
    fit_again(one, monitor)
    assert sorted(trace.steps for trace in monitor.traces) == [8, 16]
    assert monitor.trace["step"].tolist() == list(range(16))


def go_back_by_file(model, path):
    model.load_weights(path)


def go_back_by_hand(model, path):
    model.optimizer.iterations.assign(0)


@pytest.mark.parametrize("go_back", [go_back_by_file, go_back_by_hand])
@pytest.mark.parametrize("samples", [32, 128])
def test_training_that_goes_back_is_not_mixed(go_back, samples, tmp_path):
    monitor, model = ClipMonitor(), mlp()
    model.compile(sgd(), "mse")
    model.optimizer.build(model.trainable_variables)
    path = tmp_path / "at_first.weights.h5"
    model.save_weights(path)
    fit_again(model, monitor)
    go_back(model, path)
    logs = fit_again(model, monitor, samples=samples, scale=100.0)
    steps = samples // 8
    history = model.optimizer.clip_history()["grad_norm"][:steps]
    assert logs["grad_norm"][0] == pytest.approx(history.mean(), rel=1e-5)
    before, after = monitor.traces
    assert before["step"].tolist() == list(range(8))
    assert after["step"].tolist() == list(range(steps))
    np.testing.assert_array_equal(after["grad_norm"], history)


def test_going_back_within_an_epoch_begins_another_trace(tmp_path):
    class Back(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if batch == 6:
                self.model.optimizer.iterations.assign(0)

    monitor, model = ClipMonitor(), mlp()
    fit(model, sgd(), epochs=2, callbacks=[monitor, Back()])
    # Epochs of 8 steps: 0 to 5, then 0 and 1; 2 to 7, then 0 and 1.
    assert monitor.trace["step"].tolist()[-2:] == [0, 1]
    assert all((np.diff(trace["step"]) > 0).all() for trace in monitor.traces)


def test_steps_taken_unseen_are_left_out():
    monitor, model = ClipMonitor(), mlp()
    fit(model, sgd(), epochs=1, callbacks=[monitor])
    x, y = data()
    model.fit(x, 1e3 * y, batch_size=8, verbose=0)
    logs = fit_again(model, monitor)
    assert monitor.trace["step"].tolist() == [*range(8), *range(16, 24)]
    expected = model.optimizer.clip_history(since=16)["grad_norm"].mean()
    assert logs["grad_norm"][0] == pytest.approx(expected, rel=1e-5)


def test_an_optimizer_under_a_loss_scale_is_found():
    monitor, inner = ClipMonitor(), sgd()
    outer = keras.optimizers.LossScaleOptimizer(inner, initial_scale=16.0)
    fit(mlp(), outer, epochs=1, callbacks=[monitor])
    np.testing.assert_array_equal(
        monitor.trace["grad_norm"], inner.clip_history()["grad_norm"]
    )


@needs_multi
def test_the_members_of_a_multi_optimizer_have_entries_each():
    first, last = sgd(), optimizers.Adam(0.01, clipper=AutoClip(30))
    members = keras.optimizers.OptimizerMap(first)
    members[".*last.*"] = last
    monitor = ClipMonitor()
    optimizer = keras.optimizers.MultiOptimizer(members)
    logs = fit(mlp(), optimizer, epochs=1, callbacks=[monitor]).history
    for name, member in {"sgd": first, "adam": last}.items():
        norms = member.clip_history()["grad_norm"]
        assert logs[f"{name}/grad_norm"][0] == pytest.approx(norms.mean(), rel=1e-5)
    assert "grad_norm" not in logs
    assert {trace.name for trace in monitor.traces} == {"sgd", "adam"}


def applied(optimizer, gradients):
    variable = keras.Variable([0.0, 0.0])
    if not optimizer.built:
        optimizer.build([variable])
    for gradient in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])


def test_a_loop_of_ones_own(monkeypatch):
    one, other = sgd(), sgd()
    monitor = ClipMonitor({"generator": one, "discriminator": other})
    variables = [keras.Variable([0.0, 0.0]) for _ in range(2)]
    one.build(variables[:1])
    other.build(variables[1:])
    for epoch in range(2):
        with monitor.epoch() as logs:
            for step in range(5):
                size = 10.0 * epoch + step
                for optimizer, variable, by in zip((one, other), variables, (1, 2)):
                    gradient = keras.ops.convert_to_tensor([3.0, 4.0])
                    optimizer.apply([gradient * size * by], [variable])
                monitor.update()
        mean = 5 * (10.0 * epoch + 2)
        assert logs["generator/grad_norm"] == pytest.approx(mean, rel=1e-5)
        assert logs["discriminator/grad_norm"] == pytest.approx(2 * mean, rel=1e-5)
    for trace in monitor.traces:
        assert trace["step"].tolist() == list(range(10))
        assert trace["epoch"].tolist() == [0] * 5 + [1] * 5
        assert trace["batch"].tolist() == [0, 1, 2, 3, 4] * 2


def test_a_loop_loses_no_step_and_reads_seldom(monkeypatch):
    monkeypatch.setattr(
        "keras_gradclip.optimizers.clip_log.log_length_for", lambda groups: 4
    )
    optimizer = sgd()
    variable = keras.Variable([0.0, 0.0])
    optimizer.build([variable])
    reads, read = [], optimizers.SGD.clip_history
    monkeypatch.setattr(
        optimizers.SGD,
        "clip_history",
        lambda self, since=0: reads.append(since) or read(self, since),
    )
    monitor = ClipMonitor(optimizer)
    with monitor.epoch():
        for step in range(10):
            gradient = keras.ops.convert_to_tensor([3.0, 4.0 + step])
            optimizer.apply([gradient], [variable])
            monitor.update()
    assert monitor.trace["step"].tolist() == list(range(10))
    assert reads == [0, 4, 8]


def test_an_optimizer_without_a_clipper_is_refused_at_construction():
    with pytest.raises(ValueError, match="`optimizer` must be or hold"):
        ClipMonitor(keras.optimizers.SGD())
    with pytest.raises(ValueError, match="`optimizer` must be or hold"):
        ClipMonitor([sgd(), keras.optimizers.SGD()])


def test_optimizers_of_one_name_are_told_apart():
    monitor = ClipMonitor([sgd(), sgd()])
    for recorder in monitor._gatherer.recorders:
        applied(recorder.watched.optimizer, [[3.0, 4.0]])
    with monitor.epoch() as logs:
        pass
    # In older versions of Keras the name begins with a capital.
    assert {"sgd/grad_norm", "sgd_1/grad_norm"} < {name.lower() for name in logs}
