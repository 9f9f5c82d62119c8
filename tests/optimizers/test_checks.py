"""What is refused before it can go wrong."""

import keras
import numpy as np
import pytest
from helpers.replicas import mirrored
from helpers.training import BACKEND

from keras_gradclip import ClipByNorm, ClippingMixin, add_clipper, optimizers
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


class OwnApplyGradients(keras.optimizers.SGD):
    def apply_gradients(self, grads_and_vars, name=None):
        del name
        for gradient, variable in grads_and_vars:
            variable.assign_sub(gradient)


class OwnStatelessApply(keras.optimizers.SGD):
    def stateless_apply(self, optimizer_variables, grads, trainable_variables):
        new = [v - g for v, g in zip(trainable_variables, grads)]
        return new, optimizer_variables


class Mixed(ClippingMixin, OwnApplyGradients):
    pass


class InFront(optimizers.SGD):
    """Overrides a method of the mixin."""

    apply_gradients = OwnApplyGradients.apply_gradients
    stateless_apply = OwnStatelessApply.stateless_apply

    def apply(self, grads, trainable_variables=None):
        self.apply_gradients(zip(grads, trainable_variables))


def built(optimizer):
    variable = keras.Variable(np.zeros(4, "float32"))
    optimizer.build([variable])
    return optimizer, variable


@pytest.mark.parametrize(
    "make",
    [
        lambda clipper: add_clipper(OwnApplyGradients(), clipper),
        lambda clipper: Mixed(clipper=clipper),
        lambda clipper: InFront(clipper=clipper),
    ],
    ids=["add_clipper", "mixin", "in_front"],
)
def test_an_update_of_the_users_own_cannot_pass_by_the_clipper(make):
    optimizer, variable = built(make(ClipByNorm(1.0)))
    with pytest.raises(RuntimeError, match=r"apply_gradients did not pass its"):
        optimizer.apply_gradients([(keras.ops.ones(4), variable)])
    # Without a clipper it does as it likes.
    optimizer, variable = built(InFront())
    optimizer.apply([keras.ops.ones(4)], [variable])
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), -np.ones(4))


@pytest.mark.parametrize("make", [lambda c: add_clipper(OwnStatelessApply(), c)])
def test_nor_can_a_stateless_one(make):
    optimizer, variable = built(make(ClipByNorm(1.0)))
    with pytest.raises(RuntimeError, match=r"stateless_apply did not pass its"):
        optimizer.stateless_apply(
            [v.value for v in optimizer.variables],
            [keras.ops.ones(4)],
            [variable.value],
        )


class GoesOn(keras.optimizers.SGD):
    """Past the mixin's `apply`, but on to its hook."""

    def apply_gradients(self, grads_and_vars, scale=1.0):
        gradients, variables = zip(*grads_and_vars)
        keras.optimizers.SGD.apply(self, [scale * g for g in gradients], variables)
        return "mine"


class GoesOnInFront(optimizers.SGD):
    def apply_gradients(self, grads_and_vars, scale=1.0):
        super().apply_gradients([(scale * g, v) for g, v in grads_and_vars])
        return "mine"


@pytest.mark.parametrize("steps", [None, 2])
@pytest.mark.parametrize(
    "make", [lambda **k: add_clipper(GoesOn(**k), ClipByNorm(0.5)), None]
)
def test_one_that_goes_on_to_that_of_keras_is_clipped(make, steps):
    make = make or (lambda **k: GoesOnInFront(clipper=ClipByNorm(0.5), **k))
    optimizer, variable = built(
        make(learning_rate=1.0, gradient_accumulation_steps=steps)
    )
    for _ in range(steps or 1):
        ones = keras.ops.ones(4)
        assert optimizer.apply_gradients([(ones, variable)], scale=100.0) == "mine"
    moved = np.linalg.norm(keras.ops.convert_to_numpy(variable))
    assert moved == pytest.approx(0.5, rel=1e-5)
    assert optimizer.clip_history()["norm"] == pytest.approx(200.0)


def test_a_step_without_a_gradient_to_clip_passes():
    optimizer, scale = built(optimizers.SGD(clipper=ClipByNorm(1.0)))
    scale.overwrite_with_gradient = True
    optimizer.apply_gradients([(keras.ops.ones(4), scale)])
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(scale), np.ones(4))
