"""The named twins are Keras's optimizers in every respect but one."""

import inspect
import pickle

import keras
import pytest
from helpers.training import (
    BACKEND,
    assert_close,
    assert_same,
    fit,
    mlp,
    state,
    weights,
)

from keras_gradclip import AutoClip, ClipByNorm, optimizers
from keras_gradclip.optimizers.keras_optimizers import TWINS

NAMES = sorted(twin.__name__ for twin in TWINS.values())

# Keras 3.12's own Muon fails on TensorFlow, with or without a clipper.
WORKING = [
    name
    for name in NAMES
    if not (
        name == "Muon"
        and BACKEND == "tensorflow"
        and keras.__version__.startswith("3.12.")
    )
]

NOT_TWINNED = {"LossScaleOptimizer", "MultiOptimizer", "Optimizer"}


def public_optimizer_classes():
    return {
        name
        for name, value in vars(keras.optimizers).items()
        if inspect.isclass(value) and issubclass(value, keras.optimizers.Optimizer)
    }


def test_every_keras_optimizer_has_a_twin():
    assert set(NAMES) == public_optimizer_classes() - NOT_TWINNED
    assert set(NAMES) <= set(dir(optimizers))


@pytest.mark.parametrize("name", NAMES)
def test_twin_is_the_keras_class_with_one_argument_more(name):
    twin, base = getattr(optimizers, name), getattr(keras.optimizers, name)
    assert issubclass(twin, base)
    expected = list(inspect.signature(base).parameters)
    assert set(inspect.signature(twin).parameters) == {*expected, "clipper"}
    # On torch, Keras makes instances of a faster class; so must the twin.
    assert isinstance(twin(), type(base()))
    assert "clipper" in twin.__doc__


@pytest.mark.parametrize("name", WORKING)
def test_bound_never_reached_changes_no_bit(name):
    plain, ours = mlp(), mlp()
    fit(plain, getattr(keras.optimizers, name)(0.01))
    fit(ours, getattr(optimizers, name)(0.01, clipper=AutoClip(100)))
    if name == "Muon" and BACKEND == "jax":
        # Its chain of matrix products magnifies what XLA fuses differently.
        assert_close(weights(plain), weights(ours), 1e-4)
    else:
        assert_same(weights(plain), weights(ours))
    assert (ours.optimizer.clip_history()["scale"] == 1).all()


@pytest.mark.parametrize("name", WORKING)
def test_without_a_clipper_there_is_no_state(name):
    plain, ours = mlp(), mlp()
    fit(plain, getattr(keras.optimizers, name)(0.01), epochs=1)
    fit(ours, getattr(optimizers, name)(0.01), epochs=1)
    assert_same(weights(plain), weights(ours))
    assert_same(state(plain.optimizer), state(ours.optimizer))


@pytest.mark.parametrize("name", NAMES)
def test_config_round_trip(name):
    cls = getattr(optimizers, name)
    optimizer = cls(0.025, clipper=ClipByNorm(0.5, exclude=["bias"]), name="mine")
    for copy in (
        keras.optimizers.deserialize(keras.optimizers.serialize(optimizer)),
        keras.optimizers.get(keras.optimizers.serialize(optimizer)),
        cls.from_config(optimizer.get_config()),
        pickle.loads(pickle.dumps(optimizer)),
    ):
        assert type(copy) is cls
        assert copy.get_config() == optimizer.get_config()
        assert copy.clipper.max_norm == 0.5


def test_from_config_leaves_its_argument_alone():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    config = optimizers.SGD(schedule, clipper="autoclip").get_config()
    before = repr(config)
    optimizers.SGD.from_config(config)
    assert repr(config) == before


def test_importing_makes_no_variables():
    # Variables would start TensorFlow, after which its devices are fixed.
    assert all("__init__" not in vars(getattr(optimizers, n)) for n in NAMES)
