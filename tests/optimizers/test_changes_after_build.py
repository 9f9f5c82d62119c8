"""Changes to an optimizer that is built take effect or are refused."""

import keras
import numpy as np
import pytest
from helpers.training import (
    BACKEND,
    RUN_MODES,
    assert_same,
    data,
    fit,
    mlp,
    state,
    weights,
)
from rules import RULES

from keras_gradclip import AutoClip, ClipByNorm, ClippedModel, add_clipper, optimizers
from keras_gradclip.optimizers import find_clipped

modes = pytest.mark.parametrize("mode", RUN_MODES)
KERAS = ["clipnorm", "clipvalue", "global_clipnorm"]


def moved_by_one_step(model):
    before = weights(model)
    x, y = data()
    model.fit(x, y, batch_size=64, epochs=1, shuffle=False, verbose=0)
    pairs = zip(before, weights(model))
    return float(np.sqrt(sum(((a - b) ** 2).sum() for a, b in pairs)))


@modes
def test_a_clipper_joins_an_optimizer_that_has_trained(mode):
    model = mlp()
    fit(model, keras.optimizers.SGD(1e-3), **RUN_MODES[mode])
    slots = state(model.optimizer)
    assert add_clipper(model.optimizer, ClipByNorm(0.1)) is model.optimizer
    assert_same(slots, state(model.optimizer)[: len(slots)])
    assert moved_by_one_step(model) == pytest.approx(1e-4, rel=1e-2)
    assert model.optimizer.clip_history()["step"].tolist() == [16]


def test_a_clipper_joins_a_loaded_model(tmp_path):
    model = mlp()
    fit(model, keras.optimizers.Adam(0.01))
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    optimizer = add_clipper(loaded.optimizer, AutoClip(30, on_nonfinite="skip"))
    x, y = data()
    loaded.fit(x, y, batch_size=8, epochs=1, shuffle=False, verbose=0)
    assert optimizer.clip_history()["step"].tolist() == list(range(16, 24))
    loaded.save(tmp_path / "again.keras")
    again = keras.models.load_model(tmp_path / "again.keras")
    assert_same(state(optimizer), state(again.optimizer))


def test_a_clipper_joins_inside_a_loss_scale_optimizer_that_has_trained():
    model = mlp()
    outer = keras.optimizers.LossScaleOptimizer(
        keras.optimizers.SGD(1e-3), initial_scale=2.0
    )
    fit(model, outer)
    add_clipper(outer, ClipByNorm(0.1))
    assert moved_by_one_step(model) == pytest.approx(1e-4, rel=1e-2)
    assert len(find_clipped(outer).clip_history()["step"]) == 1


def test_a_twin_without_a_clipper_may_be_given_one_at_any_time():
    model = mlp()
    fit(model, optimizers.SGD(1e-3))
    model.optimizer.clipper = "clip_by_norm"
    assert moved_by_one_step(model) == pytest.approx(1e-3, rel=1e-2)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="TensorFlow's strategies")
@pytest.mark.filterwarnings("ignore")
def test_a_clipper_that_joins_on_replicas_has_variables_on_each():
    from helpers.replicas import mirrored

    with mirrored(2).scope():
        model = mlp()
        model.compile(keras.optimizers.SGD(1e-3), loss="mse", jit_compile=False)
    moved_by_one_step(model)
    add_clipper(model.optimizer, ClipByNorm(0.1))
    assert moved_by_one_step(model) == pytest.approx(1e-4, rel=1e-2)


def test_a_clipper_that_does_not_fit_leaves_a_built_optimizer_as_it_was():
    model = mlp()
    fit(model, keras.optimizers.SGD(0.1))
    before = type(model.optimizer), state(model.optimizer)
    with pytest.raises(ValueError, match="`include` and `exclude` must leave"):
        add_clipper(model.optimizer, ClipByNorm(1.0, include="nothing of this name"))
    assert type(model.optimizer) is before[0]
    assert_same(state(model.optimizer), before[1])
    fit(model, model.optimizer, epochs=1)


def test_another_clipper_is_refused_once_there_is_a_history():
    model = mlp()
    fit(model, optimizers.SGD(0.1, clipper=AutoClip(30)))
    for other in (ClipByNorm(1.0), "agc", None):
        with pytest.raises(ValueError, match=r"`clipper` cannot be replaced.*Received"):
            model.optimizer.clipper = other
    model.optimizer.clipper = model.optimizer.clipper
    assert isinstance(model.optimizer.clipper, AutoClip)


def test_before_the_build_a_clipper_may_be_replaced():
    optimizer = optimizers.SGD(1e-3, clipper=AutoClip(30))
    optimizer.clipper = ClipByNorm(0.1)
    model = mlp()
    model.compile(optimizer, loss="mse")
    assert moved_by_one_step(model) == pytest.approx(1e-4, rel=1e-2)


@pytest.mark.parametrize("name", KERAS)
def test_keras_clipping_beside_a_clipper_is_refused_whenever_it_comes(name):
    optimizer = optimizers.SGD(0.1, clipper=AutoClip(30))
    setattr(optimizer, name, 0.5)
    with pytest.raises(ValueError, match=f"`clipper` and `{name}`"):
        optimizer.build(mlp().trainable_variables)
    setattr(optimizer, name, None)
    optimizer.build(mlp().trainable_variables)
    with pytest.raises(ValueError, match=f"`{name}` must be None beside a clipper"):
        setattr(optimizer, name, 0.5)
    assert getattr(optimizer, name) is None


@pytest.mark.parametrize("rule", RULES)
def test_zeros_in_the_optimizers_variables_begin_afresh(rule):
    zeroed, fresh = (
        optimizers.SGD(0.0, clipper=RULES[rule].make("tight")) for _ in range(2)
    )
    gradients = [
        keras.ops.convert_to_tensor(np.float32([n, 2 * n])) for n in (1, 3, 2, 9)
    ]
    variable = keras.Variable(np.ones(2, "float32"))
    for optimizer in (zeroed, fresh):
        optimizer.build([variable])
    for gradient in gradients:
        zeroed.apply([gradient * 5.0], [variable])
    for v in zeroed.variables:
        v.assign(np.zeros(v.shape))
    for gradient in gradients:
        zeroed.apply([gradient], [variable])
        fresh.apply([gradient], [variable])
    for name, values in fresh.clip_history().items():
        np.testing.assert_array_equal(zeroed.clip_history()[name], values, name)


def test_the_history_begins_afresh_on_request():
    model = mlp()
    fit(model, optimizers.Adam(0.01, clipper=AutoClip(30)))
    model.optimizer.clipper.percentile = 40
    optimizer, before = model.optimizer, weights(model)
    slots = len(keras.optimizers.Adam().variables) + 2 * len(before)
    kept = state(optimizer)[:slots]
    optimizer.reset_clip_state()
    assert_same(before, weights(model))
    assert_same(kept, state(optimizer)[:slots])
    assert optimizer.clipper.percentile == 40
    assert len(optimizer.clip_history()["step"]) == 0
    moved_by_one_step(model)
    history = optimizer.clip_history()
    np.testing.assert_array_equal(history["norm"], history["threshold"])
    with pytest.raises(ValueError, match="must be built"):
        optimizers.SGD(clipper="autoclip").reset_clip_state()


def test_a_clipped_model_gives_a_clipper_to_an_optimizer_that_has_trained():
    source = mlp()
    fit(source, keras.optimizers.SGD(1e-3))
    model = ClippedModel(source.inputs, source.outputs)
    model.compile(source.optimizer, loss="mse", clipper=ClipByNorm(0.1))
    assert moved_by_one_step(model) == pytest.approx(1e-4, rel=1e-2)
