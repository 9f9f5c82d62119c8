"""`ClippedModel` where people use it as a `keras.Model`."""

import warnings

import keras
import numpy as np
import pytest
from helpers.training import BACKEND, data

from keras_gradclip import AGC, AutoClip, ClipByNorm, ClippedModel, optimizers

L = keras.layers
x, y = data(16)


def model_of(cls=ClippedModel, seed=0):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((4,))
    return cls(inputs, L.Dense(1)(L.Dense(3, name="hidden")(inputs)))


def compiled(cls, optimizer=None, **arguments):
    model = model_of(cls)
    model.compile(optimizer or optimizers.SGD(0.01, clipper="autoclip"), "mse")
    if arguments:
        model.compile(model.optimizer, "mse", **arguments)
    return model


# What a batch returns.


@pytest.mark.parametrize("metrics", [None, ["mae"], ["mae", "mse"]])
def test_a_batch_returns_what_that_of_keras_returns(metrics):
    returned = []
    for cls in (keras.Model, ClippedModel):
        model = model_of(cls)
        model.compile(optimizers.SGD(clipper="autoclip"), "mse", metrics=metrics)
        returned.append((model.train_on_batch(x, y), model.test_on_batch(x, y)))
    plain, ours = returned
    assert list(map(np.shape, ours)) == list(map(np.shape, plain))
    np.testing.assert_allclose(np.hstack(ours), np.hstack(plain), rtol=1e-5)


def test_a_batch_returns_the_logs_as_a_dict_and_fit_in_its_history():
    model = compiled(ClippedModel)
    names = {"loss", "grad_norm", "clip_threshold", "clip_scale"}
    assert set(model.train_on_batch(x, y, return_dict=True)) == names
    assert set(model.fit(x, y, verbose=0).history) == names


class LogsItself(ClippedModel):
    """A train step of the user's own, with a log of the name of one of ours."""

    def train_step(self, *arguments):
        del arguments
        one = keras.ops.ones(())
        return {"loss": one, "grad_norm": 2 * one}


@pytest.mark.skipif(BACKEND == "jax", reason="its train step returns a state, too")
def test_a_batch_returns_what_the_users_train_step_logs():
    model = model_of(LogsItself)
    model.compile(optimizers.SGD(clipper="autoclip"), "mse", run_eagerly=True)
    assert model.train_on_batch(x, y) == [1, 2]


# Compiling.


def test_a_compile_that_raises_leaves_the_optimizer_as_it_was():
    optimizer = keras.optimizers.Adam()
    before = type(optimizer)
    model = model_of()
    with pytest.raises(TypeError, match="no_such"):
        model.compile(optimizer, "mse", clipper="agc", no_such=1)
    assert type(optimizer) is before
    with pytest.raises(ValueError, match="`clipper` must be"):
        model.compile(optimizer, "mse", clipper="agcc")
    assert type(optimizer) is before
    # Nor does the model train without the clipper that was asked for.
    with pytest.raises(ValueError, match="compile"):
        model.fit(x, y, verbose=0)
    model.compile(optimizer, "mse", clipper="agc")
    assert "grad_norm" in model.fit(x, y, verbose=0).history


OWN_CLIPPING = ["clipnorm", "clipvalue", "global_clipnorm"]


@pytest.mark.parametrize("name", OWN_CLIPPING)
@pytest.mark.parametrize("inside", [False, True])
def test_an_optimizer_that_clips_as_keras_does_keeps_to_that(name, inside):
    make = keras.optimizers.LossScaleOptimizer if inside else lambda o: o
    trained = []
    for cls in (keras.Model, ClippedModel):
        model = model_of(cls)
        model.compile(make(keras.optimizers.SGD(0.1, **{name: 0.01})), "mse")
        assert set(model.fit(x, y, shuffle=False, verbose=0).history) == {"loss"}
        trained.append(model.get_weights())
    for ours, plain in zip(*trained):
        np.testing.assert_array_equal(ours, plain)
    with pytest.raises(ValueError, match=f"`clipper` and `{name}` must not"):
        model_of().compile(
            keras.optimizers.SGD(**{name: 1.0}), "mse", clipper="autoclip"
        )


def multi(first, second):
    members = keras.optimizers.OptimizerMap(first, {".*hidden.*": second})
    return keras.optimizers.MultiOptimizer(members)


needs_multi_optimizer = pytest.mark.skipif(
    not hasattr(keras.optimizers, "MultiOptimizer"), reason="not in this Keras"
)


@needs_multi_optimizer
def test_the_members_of_a_multi_optimizer_clip_and_are_logged_as_one():
    first, second = (optimizers.SGD(0.01, clipper=ClipByNorm(1e-3)) for _ in range(2))
    model = model_of()
    model.compile(multi(first, second), "mse")
    logs = model.fit(x, y, batch_size=16, verbose=0).history
    norms = [each.clip_history()["grad_norm"][-1] for each in (first, second)]
    assert logs["grad_norm"] == [pytest.approx(np.hypot(*norms), rel=1e-5)]
    assert logs["clip_threshold"] == [pytest.approx(1e-3)]
    scales = [1e-3 / norm for norm in norms]
    assert logs["clip_scale"] == [pytest.approx(np.mean(scales), rel=1e-5)]


@needs_multi_optimizer
def test_one_member_that_is_not_measured_leaves_no_norm_of_the_whole():
    model = model_of()
    plain = keras.optimizers.SGD(0.01)
    model.compile(multi(plain, optimizers.SGD(0.01, clipper="autoclip")), "mse")
    assert set(model.fit(x, y, verbose=0).history) == {"loss"}


@needs_multi_optimizer
def test_members_that_do_not_clip_are_told():
    model = model_of()
    with pytest.warns(UserWarning, match="trains without clipping"):
        model.compile(multi(*(keras.optimizers.SGD(0.01) for _ in range(2))), "mse")
    model.fit(x, y, verbose=0)


# Models of other kinds.


@pytest.mark.parametrize("clipper", ["autoclip", AGC(0.1), AutoClip(scope="layer")])
def test_layers_of_one_name_may_be_of_two_kinds(clipper):
    images = keras.Input((4, 4, 1))
    up = L.Conv2DTranspose(2, 3, padding="same", use_bias=False, name="out")
    generator = keras.Model(images, up(images))
    maps = keras.Input((4, 4, 2))
    down = L.Conv2D(1, 3, use_bias=False, name="out")
    judge = keras.Model(maps, down(maps))
    model = ClippedModel(images, judge(generator(images)))
    model.compile(keras.optimizers.SGD(), "mse", clipper=clipper)
    model.fit(np.ones((8, 4, 4, 1)), np.zeros((8, 2, 2, 1)), verbose=0)
    if isinstance(clipper, AGC):
        found = model.optimizer.clip_state.groups.unit_axes
        assert found == ((0, 1, 3), (0, 1, 2))


@pytest.mark.skipif(BACKEND != "tensorflow", reason="a train step of TensorFlow's")
@pytest.mark.parametrize("clipper", ["autoclip", AGC(0.1)])
def test_a_model_with_a_train_step_and_no_call_trains(clipper):
    import tensorflow as tf

    class Coder(ClippedModel):
        def __init__(self):
            super().__init__()
            up = L.Conv1DTranspose(1, 4, name="up")
            self.coder = keras.Sequential([keras.Input((4,)), L.Dense(2)])
            self.decoder = keras.Sequential([keras.Input((1, 2)), up])

        def train_step(self, batch):
            with tf.GradientTape() as tape:
                code = self.coder(batch)[:, None]
                loss = tf.reduce_mean((self.decoder(code)[..., 0] - batch) ** 2)
            gradients = tape.gradient(loss, self.trainable_weights)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_weights))
            return {"loss": loss}

    model = Coder()
    model.compile(optimizers.Adam(clipper=clipper))
    assert set(model.fit(x, verbose=0).history) == {"loss"}
    if isinstance(clipper, AGC):
        # The third by the layer: its name does not say it.
        assert model.optimizer.clip_state.groups.unit_axes[2] == (0, 2)


def test_a_model_with_nothing_to_do_but_to_train_needs_no_optimizer():
    model = model_of()
    model.compile(None, "mse")
    model.trainable = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert model.evaluate(x, y, verbose=0) > 0
        assert model.step_logs() == {}
