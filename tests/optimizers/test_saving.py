"""Law 4: the history is saved and restored with the optimizer."""

import copy
import pickle

import keras
import pytest
from helpers.training import BACKEND, assert_same, data, fit, mlp, state, weights

from keras_gradclip import AdaGC, AutoClip, QuantileClip, ZClip, optimizers

RULES = {
    "autoclip": lambda: AutoClip(30),
    "autoclip_window": lambda: AutoClip(30, window=5, scope="layer"),
    "zclip": lambda: ZClip(warmup_steps=4, z_threshold=0.5),
    "adagc": lambda: AdaGC(warmup_steps=4),
    "quantile": lambda: QuantileClip(scope="variable"),
}


def train_more(model, epochs=1):
    x, y = data()
    model.fit(x, y, batch_size=8, epochs=epochs, shuffle=False, verbose=0)
    return model


def through_keras_file(model, folder):
    model.save(folder / "m.keras")
    return keras.models.load_model(folder / "m.keras")


def through_weights_file(model, folder):
    model.save_weights(folder / "m.weights.h5")
    other = mlp(seed=7)
    other.compile(
        type(model.optimizer).from_config(model.optimizer.get_config()), loss="mse"
    )
    # Keras restores an optimizer only once it is built.
    other.optimizer.build(other.trainable_variables)
    other.load_weights(folder / "m.weights.h5")
    return other


def through_pickle(model, folder):
    return pickle.loads(pickle.dumps(model))


def through_deepcopy(model, folder):
    return copy.deepcopy(model)


ROUTES = [through_keras_file, through_weights_file, through_pickle, through_deepcopy]


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("rule", ["autoclip", "autoclip_window"])
def test_resuming_equals_never_stopping(route, rule, tmp_path):
    model = mlp()
    fit(model, optimizers.Adam(0.01, clipper=RULES[rule]()), epochs=1)
    resumed = route(model, tmp_path)
    assert_same(state(model.optimizer), state(resumed.optimizer))
    assert_same(weights(train_more(model)), weights(train_more(resumed)))
    assert_same(state(model.optimizer), state(resumed.optimizer))
    assert (model.optimizer.clip_history()["scale"] < 1).any()


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_resumes(rule, tmp_path):
    model = mlp()
    fit(model, optimizers.SGD(0.01, clipper=RULES[rule]()), epochs=1)
    resumed = through_keras_file(model, tmp_path)
    assert_same(weights(train_more(model)), weights(train_more(resumed)))
    assert_same(state(model.optimizer), state(resumed.optimizer))


@pytest.mark.skipif(BACKEND != "tensorflow", reason="tf.train is TensorFlow's")
def test_tf_checkpoint_restores_the_history(tmp_path):
    import tensorflow as tf

    model, other = mlp(), mlp(seed=7)
    fit(model, optimizers.Adam(0.01, clipper=AutoClip(30)))
    path = tf.train.Checkpoint(model=model, optimizer=model.optimizer).write(
        str(tmp_path / "ckpt")
    )
    other.compile(optimizers.Adam(0.01, clipper=AutoClip(30)), loss="mse")
    other.optimizer.build(other.trainable_variables)
    tf.train.Checkpoint(model=other, optimizer=other.optimizer).read(path)
    assert_same(weights(model), weights(other))
    assert_same(state(model.optimizer), state(other.optimizer))
