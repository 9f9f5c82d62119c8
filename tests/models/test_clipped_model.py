"""`ClippedModel`: the train_step override."""

import inspect
import warnings

import keras
import numpy as np
import pytest
from helpers.training import RUN_MODES, assert_same, data, fit, mlp, weights

from keras_gradclip import AGC, AutoClip, ClippedModel, optimizers
from keras_gradclip._backend import backend
from keras_gradclip._keras import Functional, OnlyKerasLogsOnBatch

LOGS = {"grad_norm", "clip_threshold", "clip_scale"}


def functional(cls=ClippedModel):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(8, activation="tanh", name="first")(inputs)
    return cls(inputs, keras.layers.Dense(1, name="last")(hidden))


@keras.saving.register_keras_serializable(package="tests")
class Subclassed(ClippedModel):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first = keras.layers.Dense(8, activation="tanh")
        self.last = keras.layers.Dense(1)

    def call(self, inputs):
        return self.last(self.first(inputs))


class Plain(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.only = keras.layers.Dense(1)

    def call(self, inputs):
        return self.only(inputs)


class MixedIn(ClippedModel, Plain):
    pass


class BuildsItsOwnGraph(ClippedModel):
    def __init__(self):
        inputs = keras.Input((4,))
        super().__init__(inputs, keras.layers.Dense(1)(inputs))


MODELS = {
    "functional": functional,
    "subclassed": Subclassed,
    "mixin": MixedIn,
    "own_graph": BuildsItsOwnGraph,
    "functional_subclass": lambda: functional(type("Mine", (ClippedModel,), {})),
}


@pytest.mark.parametrize("kind", MODELS)
def test_every_kind_of_model_logs_what_clipping_did(kind):
    model = MODELS[kind]()
    history = fit(model, "sgd", clipper=AutoClip(30))
    assert isinstance(model, ClippedModel)
    assert set(history.history) == {"loss", *LOGS}
    last = model.optimizer.clip_history(since=15)
    expected = {
        "grad_norm": last["norm"],
        "clip_threshold": last["threshold"],
        "clip_scale": last["scale"],
    }
    for name, value in expected.items():
        assert history.history[name][-1] == pytest.approx(value[-1, 0], rel=1e-5)


def parameters_of(function):
    parameters = inspect.signature(function).parameters.values()
    return [(p.name, p.kind, p.default) for p in parameters]


def test_compile_takes_what_that_of_keras_takes_and_a_clipper():
    # Red when Keras adds an argument: then `compile` has to name it, too.
    *ours, clipper, rest = parameters_of(ClippedModel.compile)
    assert ours == parameters_of(keras.Model.compile)
    assert clipper == ("clipper", inspect.Parameter.KEYWORD_ONLY, None)
    assert rest[1] is inspect.Parameter.VAR_KEYWORD


def test_compile_hands_every_argument_on(monkeypatch):
    names = [name for name, *_ in parameters_of(keras.Model.compile)][2:]
    received = {}
    monkeypatch.setattr(
        keras.Model,
        "compile",
        lambda self, optimizer, **arguments: received.update(arguments),
    )
    given = {name: object() for name in names}
    functional().compile("sgd", **given, clipper="autoclip")
    assert received == given
    received.clear()
    functional().compile("sgd", *given.values(), clipper="autoclip")
    assert received == given


def test_an_argument_that_no_compile_knows_is_refused():
    with pytest.raises(TypeError, match="clippr"):
        functional().compile("sgd", "mse", clippr="autoclip")


@pytest.mark.parametrize("name", ["fit", "evaluate", "predict", "train_on_batch"])
def test_it_trains_by_the_methods_of_keras(name):
    assert getattr(ClippedModel, name) is getattr(keras.Model, name)
    ours, plain = functional(), functional(keras.Model)
    assert getattr(type(ours), name) is getattr(type(plain), name)


def test_the_kinds_do_not_disturb_each_other():
    # Keras changes a class's bases when it is first used as functional.
    functional()
    assert Subclassed()(np.zeros((2, 4), "float32")).shape == (2, 1)
    assert ClippedModel.__bases__ == (
        backend.TrainStepWithLogs,
        OnlyKerasLogsOnBatch,
        keras.Model,
    )
    assert Functional not in Subclassed.__mro__


@pytest.mark.parametrize("mode", RUN_MODES)
def test_it_trains_as_the_optimizer_alone_does(mode):
    ours, plain = functional(), mlp()
    fit(ours, "adam", clipper=AutoClip(30), **RUN_MODES[mode])
    fit(plain, optimizers.Adam(clipper=AutoClip(30)), **RUN_MODES[mode])
    for a, b in zip(weights(ours), weights(plain)):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_the_logs_summarize_all_groups():
    model = functional()
    history = fit(model, "sgd", epochs=1, clipper=AutoClip(30, scope="variable"))
    last = model.optimizer.clip_history(since=7)
    logs = {name: values[-1] for name, values in history.history.items()}
    whole = np.sqrt((last["norm"] ** 2).sum())
    assert logs["grad_norm"] == pytest.approx(whole, rel=1e-5)
    assert logs["clip_threshold"] == pytest.approx(last["threshold"].mean(), rel=1e-5)
    assert logs["clip_scale"] == pytest.approx(last["scale"].mean(), rel=1e-5)


def test_a_broken_step_logs_no_nan():
    model = functional()
    model.compile("sgd", "mse", clipper="autoclip")
    x, y = data(8)
    model.fit(x, y, verbose=0)
    logs = model.fit(x, y * np.nan, verbose=0).history
    assert logs["grad_norm"] == [np.inf]
    assert logs["clip_scale"] == [0]
    assert np.isfinite(logs["clip_threshold"]).all()


@pytest.mark.parametrize("kind", ["functional", "subclassed"])
def test_save_and_load(kind, tmp_path):
    model = MODELS[kind]()
    fit(model, "adam", clipper=AutoClip(30, scope="layer"))
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    assert isinstance(loaded, type(model).__mro__[0].__mro__[1]) or type(
        loaded
    ) is type(model)
    assert isinstance(loaded, ClippedModel)
    assert loaded.optimizer.clipper.scope == "layer"
    x, y = data()
    for each in (model, loaded):
        each.fit(x, y, batch_size=8, shuffle=False, verbose=0)
    assert_same(weights(model), weights(loaded))


def test_a_model_with_nothing_to_train_logs_nothing():
    model = functional()
    model.trainable = False
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The model does not have any trainable")
        history = fit(model, "sgd").history
    assert set(history) == {"loss"}


def test_clone_keeps_the_class():
    assert isinstance(keras.models.clone_model(functional()), keras.Model)


def test_units_come_from_the_layers():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6, 6, 2))
    hidden = keras.layers.Conv2DTranspose(3, 2, name="up")(inputs)
    outputs = keras.layers.Dense(1, name="out")(keras.layers.Flatten()(hidden))
    model = ClippedModel(inputs, outputs)
    model.compile("sgd", "mse", clipper=AGC(0.01, unit_axes={"out/kernel": (0, 1)}))
    model.fit(np.ones((4, 6, 6, 2)), np.ones((4, 1)), verbose=0)
    axes = dict(
        zip(
            [v.path for v in model.trainable_variables],
            model.optimizer.clip_state.groups.unit_axes,
        )
    )
    # The name and rank rule would sum over the axis of the outputs here.
    assert tuple(axes["up/kernel"]) == (0, 1, 3)
    # What the user says comes first.
    assert tuple(axes["out/kernel"]) == (0, 1)


def test_which_clipper_is_used():
    model = functional()
    model.compile("adam", "mse")
    assert isinstance(model.optimizer.clipper, AutoClip)
    model.compile(optimizers.Adam(clipper=AGC(0.5)), "mse")
    assert model.optimizer.clipper.clip_factor == 0.5
    with pytest.raises(ValueError, match="must not have a clipper yet"):
        model.compile(optimizers.Adam(clipper="agc"), "mse", clipper="autoclip")
    with pytest.raises(ValueError, match="`clipper` must be"):
        model.compile("adam", "mse", clipper="autoclop")


def test_mixed_float16_clips_inside_the_loss_scale():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = functional()
        history = fit(model, "sgd", epochs=1, clipper="autoclip")
    finally:
        keras.config.set_dtype_policy("float32")
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert set(history.history) >= LOGS
