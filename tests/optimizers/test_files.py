"""Files that fit in part, or not at all."""

import os
import subprocess
import sys

import h5py
import keras
import numpy as np
import pytest
from helpers.training import assert_same, fit, mlp, state, weights

from keras_gradclip import AutoClip, optimizers


def trained(make=optimizers.Adam, width=8, epochs=2, clipper=None, **arguments):
    keras.utils.set_random_seed(epochs)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(width, activation="tanh", name="first"),
            keras.layers.Dense(1, name="last"),
        ]
    )
    clipper = clipper or AutoClip(30)
    fit(model, make(0.01, clipper=clipper, **arguments), epochs=epochs)
    return model


def clip_values(model):
    clip_state = model.optimizer.clip_state
    variables = [*clip_state.state.values(), clip_state.log.variable]
    return [keras.ops.convert_to_numpy(v) for v in variables]


def fresh_values(model):
    clip_state = model.optimizer.clip_state
    fresh = clip_state.clipper.initial_state(clip_state.groups)
    return [*fresh.values(), np.zeros(clip_state.log.variable.shape, "float32")]


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


def test_a_history_that_does_not_belong_to_the_weights_is_dropped(tmp_path):
    plain, ours = mlp(), trained()
    fit(plain, keras.optimizers.Adam(0.01), epochs=1)
    plain.save_weights(tmp_path / "m.weights.h5")
    with pytest.warns(UserWarning, match="history starts afresh"):
        ours.load_weights(tmp_path / "m.weights.h5")
    assert_same(clip_values(ours), fresh_values(ours))
    assert int(ours.optimizer.iterations) == 8


BREAKAGES = {
    "nan": (lambda counts, largest: (counts, np.nan * largest), "holds a NaN"),
    "dtype": (lambda counts, largest: (counts + 0.5, largest), "is of dtype float64"),
    "shape": (lambda counts, largest: (counts, largest[:0]), "has the shape"),
    "text": (lambda counts, largest: (counts, largest.astype("S3")), "is of dtype"),
    "missing": (lambda counts, largest: (counts, None), "another clipper"),
}


@pytest.fixture(scope="module")
def two_models():
    return trained(epochs=1), trained()


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_a_broken_history_is_not_taken_over(breakage, two_models, tmp_path):
    damage, message = BREAKAGES[breakage]
    first, second = two_models
    path = tmp_path / "m.weights.h5"
    first.save_weights(path)
    second.load_weights(path)
    assert_same(clip_values(first), clip_values(second))
    with h5py.File(path, "r+") as file:
        group = file["optimizer/clip_state/vars"]
        damaged = damage(group["counts"][:], group["largest"][:])
        for name, value in zip(("counts", "largest"), damaged):
            del group[name]
            if value is not None:
                group[name] = value
    with pytest.warns(UserWarning, match=f"history starts afresh.*{message}"):
        second.load_weights(path)
    assert_same(weights(first), weights(second))
    assert_same(clip_values(second), fresh_values(second))


@pytest.mark.parametrize("make", [optimizers.SGD, optimizers.Adam])
def test_another_architectures_file_leaves_the_history_alone(make, tmp_path):
    foreign, model = trained(make, width=12, epochs=1), trained(make)
    foreign.save_weights(tmp_path / "m.weights.h5")
    before = weights(model), clip_values(model)
    with (
        pytest.raises(ValueError, match="could not be loaded"),
        pytest.warns(UserWarning, match="history was left as it is"),
    ):
        model.load_weights(tmp_path / "m.weights.h5")
    assert_same(before[0], weights(model))
    assert_same(before[1], clip_values(model))


def test_another_optimizers_file_leaves_the_history_alone(tmp_path):
    first, model = trained(optimizers.Lion, epochs=1), trained()
    first.save_weights(tmp_path / "m.weights.h5")
    before = state(model.optimizer)
    with (
        pytest.warns(UserWarning, match="history was left as it is"),
        pytest.warns(UserWarning, match="Skipping variable loading"),
    ):
        model.load_weights(tmp_path / "m.weights.h5")
    assert_same(before, state(model.optimizer))


@pytest.mark.parametrize("name", ["m.weights.h5", "m.keras"])
def test_a_truncated_file_is_refused_and_nothing_changes(name, two_models, tmp_path):
    first, second = two_models
    path = tmp_path / name
    save = first.save if name.endswith(".keras") else first.save_weights
    save(path)
    contents = path.read_bytes()
    before = weights(second) + state(second.optimizer)
    for share in (0.0, 0.01, 0.5, 0.9, 0.9999):
        path.write_bytes(contents[: int(share * len(contents))])
        # OSError of h5py, BadZipFile of zipfile.
        with pytest.raises(Exception, match=r"truncated|signature|not a zip file"):
            second.load_weights(path)
        assert_same(before, weights(second) + state(second.optimizer))
        if name.endswith(".keras"):
            with pytest.raises(ValueError, match=r"accessible `\.keras` zip file"):
                keras.models.load_model(path)


def test_loading_without_the_package_names_what_is_missing(tmp_path):
    trained().save(tmp_path / "m.keras")
    # The last two are the remedies that the README names.
    script = (
        "import sys, keras\n"
        "load, path = keras.models.load_model, sys.argv[1]\n"
        "try:\n"
        "    load(path)\n"
        "except TypeError as error:\n"
        "    print(error)\n"
        "load(path, compile=False)\n"
        "import keras_gradclip\n"
        "assert load(path).optimizer.clipper.percentile == 30\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", script, str(tmp_path / "m.keras")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Could not locate class 'Adam'" in done.stdout
    assert "keras_gradclip" in done.stdout
