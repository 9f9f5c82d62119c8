"""Law 4: the history is saved and restored with the optimizer."""

import copy
import os
import pickle
import subprocess
import sys

import keras
import numpy as np
import pytest
from training import BACKEND, assert_same, data, fit, mlp, state, weights

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


def test_resuming_in_a_new_process(tmp_path):
    model = mlp()
    fit(model, optimizers.Adam(0.01, clipper=AutoClip(30)), epochs=1)
    model.save(tmp_path / "m.keras")
    train_more(model)
    script = (
        "import sys, numpy as np, keras, keras_gradclip\n"
        "from training import data\n"
        "model = keras.models.load_model(sys.argv[1])\n"
        "x, y = data()\n"
        "model.fit(x, y, batch_size=8, shuffle=False, verbose=0)\n"
        "np.savez(sys.argv[2], *[np.asarray(w) for w in model.get_weights()])\n"
    )
    paths = [str(tmp_path / "m.keras"), str(tmp_path / "w.npz")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", script, *paths], check=True, env=environment)
    with np.load(paths[1]) as stored:
        assert_same(weights(model), [stored[name] for name in stored.files])


def test_a_plain_file_loads_and_the_history_starts_afresh(tmp_path):
    plain, ours = mlp(), mlp(seed=7)
    fit(plain, keras.optimizers.Adam(0.01))
    plain.save_weights(tmp_path / "m.weights.h5")
    ours.compile(optimizers.Adam(0.01, clipper=AutoClip(30)), loss="mse")
    ours.optimizer.build(ours.trainable_variables)
    with pytest.warns(UserWarning, match="history starts afresh"):
        ours.load_weights(tmp_path / "m.weights.h5")
    assert_same(weights(plain), weights(ours))
    base = len(plain.optimizer.variables)
    assert_same(state(plain.optimizer), state(ours.optimizer)[:base])
    assert len(ours.optimizer.clip_history()["step"]) == 0
    counts = ours.optimizer.clip_state.state["counts"]
    assert not keras.ops.convert_to_numpy(counts).any()


def test_our_file_loads_into_the_plain_optimizer(tmp_path):
    plain, ours = mlp(seed=7), mlp()
    fit(ours, optimizers.Adam(0.01, clipper=AutoClip(30)))
    ours.save_weights(tmp_path / "m.weights.h5")
    plain.compile(keras.optimizers.Adam(0.01), loss="mse")
    plain.optimizer.build(plain.trainable_variables)
    plain.load_weights(tmp_path / "m.weights.h5")
    base = len(plain.optimizer.variables)
    assert_same(state(plain.optimizer), state(ours.optimizer)[:base])


def test_another_window_starts_afresh_as_a_whole(tmp_path):
    first, second = mlp(), mlp()
    fit(first, optimizers.SGD(0.01, clipper=AutoClip(30, window=5)))
    first.save_weights(tmp_path / "m.weights.h5")
    second.compile(optimizers.SGD(0.01, clipper=AutoClip(30, window=6)), loss="mse")
    second.optimizer.build(second.trainable_variables)
    with pytest.warns(UserWarning, match="has the shape"):
        second.load_weights(tmp_path / "m.weights.h5")
    fresh = AutoClip(30, window=6)._history.initial_state(1)
    for name, variable in second.optimizer.clip_state.state.items():
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), fresh[name])


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


def test_a_backup_restores_the_history(tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 0:
                raise KeyboardInterrupt

    def backup():
        return keras.callbacks.BackupAndRestore(tmp_path / "backup")

    whole, broken, resumed = mlp(), mlp(), mlp(seed=7)
    fit(whole, optimizers.Adam(0.01, clipper=AutoClip(30)), epochs=2)
    with pytest.raises(KeyboardInterrupt):
        fit(
            broken,
            optimizers.Adam(0.01, clipper=AutoClip(30)),
            callbacks=[backup(), Stop()],
        )
    fit(resumed, optimizers.Adam(0.01, clipper=AutoClip(30)), callbacks=[backup()])
    assert_same(weights(whole), weights(resumed))
    assert_same(state(whole.optimizer), state(resumed.optimizer))
