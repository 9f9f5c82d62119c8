"""`add_clipper`: a clipper for an optimizer that exists already."""

import copy
import pickle

import keras
import numpy as np
import pytest
from helpers.training import (
    assert_same,
    assert_untouched,
    data,
    fit,
    mlp,
    state,
    weights,
)

from keras_gradclip import AutoClip, ClippingMixin, add_clipper, optimizers
from keras_gradclip.optimizers import find_clipped


@keras.saving.register_keras_serializable(package="tests")
class HalfSGD(keras.optimizers.SGD):
    """A user's optimizer: plain SGD at half the rate."""

    def __init__(self, learning_rate=0.01, half=0.5, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.half = half

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient, variable, learning_rate * self.half)

    def get_config(self):
        return {**super().get_config(), "half": self.half}


@keras.saving.register_keras_serializable(package="tests")
class ClippedHalfSGD(ClippingMixin, HalfSGD):
    pass


def test_a_keras_optimizer_becomes_its_twin():
    optimizer = keras.optimizers.AdamW(0.025, weight_decay=0.1, name="mine")
    assert add_clipper(optimizer, AutoClip(20)) is optimizer
    assert type(optimizer) is optimizers.AdamW
    assert optimizer.clipper.percentile == 20
    assert float(optimizer.learning_rate) == pytest.approx(0.025)


def test_it_keeps_what_was_set_on_the_instance():
    optimizer = keras.optimizers.AdamW(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["kernel"])
    expected = keras.optimizers.AdamW(0.1, weight_decay=0.5)
    expected.exclude_from_weight_decay(var_names=["kernel"])
    ours, plain = mlp(), mlp()
    fit(ours, add_clipper(optimizer, AutoClip(100)))
    fit(plain, expected)
    assert_untouched(weights(plain), weights(ours))


def test_a_name_is_enough():
    optimizer = add_clipper("adam")
    assert type(optimizer) is optimizers.Adam
    assert isinstance(optimizer.clipper, AutoClip)


@pytest.mark.parametrize(
    "make",
    [
        lambda clipper: add_clipper(HalfSGD(0.01, half=0.25), clipper),
        lambda clipper: ClippedHalfSGD(0.01, half=0.25, clipper=clipper),
    ],
    ids=["add_clipper", "mixin"],
)
def test_a_users_class_is_clipped_saved_and_resumed(make, tmp_path):
    model, plain = mlp(), mlp()
    fit(model, make(AutoClip(100)))
    fit(plain, HalfSGD(0.01, half=0.25))
    assert_untouched(weights(plain), weights(model))
    assert isinstance(model.optimizer, HalfSGD)

    model = mlp()
    fit(model, make(AutoClip(30)))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.optimizer.half == 0.25
    assert loaded.optimizer.clipper.percentile == 30
    assert_same(state(model.optimizer), state(loaded.optimizer))
    for again in (
        keras.optimizers.deserialize(keras.optimizers.serialize(model.optimizer)),
        copy.deepcopy(make(AutoClip(30))),
        pickle.loads(pickle.dumps(make(AutoClip(30)))),
    ):
        assert isinstance(again, HalfSGD)
        assert again.clipper.percentile == 30
        assert again.half == 0.25


def test_two_users_classes_do_not_mix():
    first = add_clipper(HalfSGD(0.5))
    second = add_clipper(keras.optimizers.Adam(0.5))
    config = keras.optimizers.serialize(first)
    assert isinstance(keras.optimizers.deserialize(config), HalfSGD)
    assert not isinstance(second, HalfSGD)


def test_it_goes_inside_a_loss_scale_optimizer():
    outer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1))
    assert add_clipper(outer, "autoclip") is outer
    assert type(outer.inner_optimizer) is optimizers.SGD
    assert find_clipped(outer) is outer.inner_optimizer


def test_norms_under_mixed_float16_are_unscaled():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = mlp()
        x, y = data()
        model.compile(add_clipper(keras.optimizers.SGD(1e-3), AutoClip(50)), loss="mse")
        assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
        y = np.clip(y, -1, 1)
        model.fit(x, y, batch_size=8, epochs=1, shuffle=False, verbose=0)
    finally:
        keras.config.set_dtype_policy("float32")
    norms = find_clipped(model.optimizer).clip_history()["norm"]
    # The initial scale is 32768: a scaled norm could not be this small.
    assert len(norms) > 0
    assert (norms < 100).all()


@pytest.mark.skipif(
    not hasattr(keras.optimizers, "MultiOptimizer"), reason="not in this Keras"
)
def test_a_multi_optimizer_takes_clippers_in_its_members():
    members = keras.optimizers.OptimizerMap(
        optimizers.SGD(0.1, clipper=AutoClip(30)),
        {".*last.*": optimizers.Adam(0.1, clipper=AutoClip(40))},
    )
    model = mlp()
    fit(model, keras.optimizers.MultiOptimizer(members))
    assert all(len(o.clip_history()["step"]) == 16 for o in model.optimizer.optimizers)
    with pytest.raises(ValueError, match="members of a MultiOptimizer"):
        add_clipper(keras.optimizers.MultiOptimizer(members))


def test_errors_name_the_rule_and_leave_the_optimizer_alone():
    with pytest.raises(ValueError, match="`optimizer` must be a Keras optimizer"):
        add_clipper(3)
    optimizer = add_clipper(keras.optimizers.Adam())
    with pytest.raises(ValueError, match="must not have a clipper yet"):
        add_clipper(optimizer)
    with_norm = keras.optimizers.Adam(clipnorm=1.0)
    with pytest.raises(ValueError, match="clipnorm"):
        add_clipper(with_norm)
    assert type(with_norm) is type(keras.optimizers.Adam())
