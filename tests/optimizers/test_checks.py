"""What is refused before it can go wrong."""

import keras
import numpy as np
import pytest
from helpers.replicas import mirrored
from helpers.training import BACKEND

from keras_gradclip import ClipByNorm, optimizers
from keras_gradclip.optimizers.checks import (
    check_accumulation,
    check_fit,
    only_overwrites,
)


def test_a_plain_optimizer_fits():
    check_fit(keras.optimizers.Adam(), ClipByNorm(1.0))
    check_fit(keras.optimizers.SGD(momentum=0.9, use_ema=True), ClipByNorm(1.0))


@pytest.mark.parametrize("name", ["clipnorm", "clipvalue", "global_clipnorm"])
@pytest.mark.parametrize("number", [0.5, 0.0])
def test_kerass_own_clipping_does_not_fit(name, number):
    optimizer = keras.optimizers.Adam()
    setattr(optimizer, name, number)
    with pytest.raises(
        ValueError,
        match=rf"^`clipper` and `{name}` must not.*Received: .*ClipByNorm\(.*"
        rf"{name}={number}",
    ):
        check_fit(optimizer, ClipByNorm(1.0))


@pytest.mark.skipif(
    not hasattr(keras.optimizers, "MultiOptimizer"), reason="not in this Keras"
)
def test_a_multi_optimizer_does_not_fit():
    members = keras.optimizers.OptimizerMap(keras.optimizers.SGD(), {})
    with pytest.raises(ValueError, match="members of a MultiOptimizer"):
        check_fit(keras.optimizers.MultiOptimizer(members), ClipByNorm(1.0))


def test_a_keras_whose_hook_has_moved_does_not_fit():
    class Moved:
        clipnorm = clipvalue = global_clipnorm = None

    with pytest.raises(ImportError, match=r"`Moved` has no _"):
        check_fit(Moved(), ClipByNorm(1.0))


@pytest.mark.parametrize("steps", [None, 4])
def test_on_one_device_gradients_may_be_accumulated(steps):
    check_accumulation(keras.optimizers.SGD(gradient_accumulation_steps=steps))


@pytest.mark.skipif(BACKEND != "tensorflow", reason="tf.distribute is TensorFlow's")
def test_on_several_replicas_they_may_not():
    with mirrored(2).scope():
        check_accumulation(keras.optimizers.SGD())
        optimizer = keras.optimizers.SGD(gradient_accumulation_steps=4)
        message = r"must be None on several.*gradient_accumulation_steps=4, replicas=2"
        with pytest.raises(ValueError, match=message):
            check_accumulation(optimizer)
        ours = optimizers.SGD(gradient_accumulation_steps=4, clipper=ClipByNorm(1.0))
        with pytest.raises(ValueError, match=message):
            ours.build([keras.Variable(np.ones(2, "float32"))])


def test_whether_all_gradients_are_new_values():
    weight, scale = (keras.Variable(np.ones(2, "float32")) for _ in range(2))
    scale.overwrite_with_gradient = True
    one = keras.ops.ones(2)
    assert only_overwrites([one], [scale])
    assert not only_overwrites([one, one], [weight, scale])
    assert not only_overwrites([one], [weight])
    # What has no gradient is not updated.
    assert only_overwrites([None, one], [weight, scale])
    assert only_overwrites([], [])
