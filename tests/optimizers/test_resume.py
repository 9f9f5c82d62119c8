"""Training that stops and goes on: exactly as if it had not stopped."""

import os
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
from helpers.training import assert_close, assert_same, data, fit, mlp, state, weights

from keras_gradclip import AutoClip, add_clipper, optimizers


def adam(**arguments):
    return optimizers.Adam(0.01, clipper=AutoClip(30), **arguments)


def loss_scaled():
    # So low a scale that it grows, and so few steps that it does so here.
    return keras.optimizers.LossScaleOptimizer(adam(), 4.0, dynamic_growth_steps=3)


def multi():
    members = keras.optimizers.OptimizerMap(
        optimizers.SGD(0.01, clipper=AutoClip(30)),
        {".*last.*": optimizers.Adam(0.01, clipper=AutoClip(40, window=5))},
    )
    return keras.optimizers.MultiOptimizer(members)


KINDS = {
    "adam": adam,
    "ema": lambda: adam(use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=3),
    "accumulation": lambda: adam(gradient_accumulation_steps=3),
    "loss_scale": loss_scaled,
    "add_clipper": lambda: add_clipper(keras.optimizers.RMSprop(0.01), AutoClip(30)),
}
if hasattr(keras.optimizers, "MultiOptimizer"):
    KINDS["multi"] = multi


def train_more(model):
    # After a `fit` with averages, Keras lets the weights share their memory,
    # which on JAX the next `fit` frees.
    model.set_weights([weight.copy() for weight in weights(model)])
    x, y = data()
    model.fit(x, y, batch_size=8, shuffle=False, verbose=0)


def assert_resumes(model, *resumed):
    for other in resumed:
        assert_same(state(model.optimizer), state(other.optimizer))
    train_more(model)
    for other in resumed:
        train_more(other)
        assert_same(weights(model), weights(other))
        assert_same(state(model.optimizer), state(other.optimizer))


def built(make, seed=7):
    model = mlp(seed)
    model.compile(make(), loss="mse")
    model.optimizer.build(model.trainable_variables)
    return model


def run_python(script, *arguments):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, env=environment).returncode


def assign_state(model, source):
    # Copies, since on JAX two variables would share what one of them frees.
    model.set_weights([weight.copy() for weight in weights(source)])
    for variable, value in zip(model.optimizer.variables, state(source.optimizer)):
        variable.assign(value.copy())


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_resumes_by_every_route(kind, tmp_path):
    model = mlp()
    fit(model, KINDS[kind](), epochs=1)
    model.save(tmp_path / "m.keras")
    model.save_weights(tmp_path / "m.weights.h5")
    by_weights, by_assignment = built(KINDS[kind]), built(KINDS[kind])
    by_weights.load_weights(tmp_path / "m.weights.h5")
    assign_state(by_assignment, model)
    loaded = keras.models.load_model(tmp_path / "m.keras")
    assert_resumes(model, loaded, by_weights, by_assignment)


def test_a_clone_resumes_from_its_optimizers_config():
    model = mlp()
    fit(model, adam(), epochs=1)
    clone = keras.models.clone_model(model)
    config = model.optimizer.get_config()
    clone.compile(type(model.optimizer).from_config(config), loss="mse")
    clone.optimizer.build(clone.trainable_variables)
    fresh = AutoClip(30).initial_state(clone.optimizer.clip_state.groups)
    for name, variable in clone.optimizer.clip_state.state.items():
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), fresh[name])
    assign_state(clone, model)
    assert_resumes(model, clone)


def test_swapping_in_averaged_weights_leaves_the_history_alone(tmp_path):
    def averaged():
        return adam(use_ema=True, ema_momentum=0.5)

    swapped, plain = mlp(), mlp()
    callback = keras.callbacks.SwapEMAWeights(swap_on_epoch=True)
    fit(swapped, averaged(), epochs=3, callbacks=[callback])
    fit(plain, averaged(), epochs=3)
    # Not to the bit: on TensorFlow, Keras swaps by adding and subtracting.
    assert_close(
        list(swapped.optimizer.clip_history().values()),
        list(plain.optimizer.clip_history().values()),
    )
    swapped.save(tmp_path / "m.keras")
    assert_resumes(swapped, keras.models.load_model(tmp_path / "m.keras"))


@pytest.mark.parametrize("weights_only", [True, False])
def test_a_model_checkpoint_resumes(weights_only, tmp_path):
    path = tmp_path / ("m.weights.h5" if weights_only else "m.keras")
    whole, stopped = mlp(), mlp()
    fit(whole, adam(), epochs=3)
    checkpoint = keras.callbacks.ModelCheckpoint(path, save_weights_only=weights_only)
    fit(stopped, adam(), epochs=2, callbacks=[checkpoint])
    if weights_only:
        resumed = built(adam)
        resumed.load_weights(path)
    else:
        resumed = keras.models.load_model(path)
    train_more(resumed)
    assert_same(weights(whole), weights(resumed))
    assert_same(state(whole.optimizer), state(resumed.optimizer))


def test_resuming_in_a_new_process(tmp_path):
    model = mlp()
    fit(model, optimizers.Adam(0.01, clipper=AutoClip(30)), epochs=1)
    model.save(tmp_path / "m.keras")
    train_more(model)
    script = (
        "import sys, numpy as np, keras, keras_gradclip\n"
        "from helpers.training import data\n"
        "model = keras.models.load_model(sys.argv[1])\n"
        "x, y = data()\n"
        "model.fit(x, y, batch_size=8, shuffle=False, verbose=0)\n"
        "np.savez(sys.argv[2], *[np.asarray(w) for w in model.get_weights()])\n"
    )
    paths = [str(tmp_path / "m.keras"), str(tmp_path / "w.npz")]
    assert run_python(script, *paths) == 0
    with np.load(paths[1]) as stored:
        assert_same(weights(model), [stored[name] for name in stored.files])


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_a_backup_resumes_after_the_process_was_killed(tmp_path):
    script = (
        "import os, signal, sys, keras\n"
        "from keras_gradclip import AutoClip, optimizers\n"
        "from helpers.training import fit, mlp\n"
        "class Kill(keras.callbacks.Callback):\n"
        "    def on_epoch_begin(self, epoch, logs=None):\n"
        "        self.epoch = epoch\n"
        "    def on_train_batch_end(self, batch, logs=None):\n"
        "        if (self.epoch, batch) == (1, 3):\n"
        "            os.kill(os.getpid(), signal.SIGKILL)\n"
        "backup = keras.callbacks.BackupAndRestore(sys.argv[1])\n"
        "optimizer = optimizers.Adam(0.01, clipper=AutoClip(30))\n"
        "fit(mlp(), optimizer, epochs=3, callbacks=[backup, Kill()])\n"
    )
    assert run_python(script, tmp_path / "backup") == -signal.SIGKILL
    whole, resumed = mlp(), mlp(seed=7)
    fit(whole, adam(), epochs=3)
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    history = fit(resumed, adam(), epochs=3, callbacks=[backup])
    assert history.epoch == [1, 2]
    assert_same(weights(whole), weights(resumed))
    assert_same(state(whole.optimizer), state(resumed.optimizer))
