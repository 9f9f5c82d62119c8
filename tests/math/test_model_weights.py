"""What a model knows of its weights."""

import keras
import numpy as np
from keras import layers as L

from keras_gradclip import AGC, unit_axes_of
from keras_gradclip._math import model_weights
from keras_gradclip._math.groups import group_variables
from keras_gradclip._math.model_weights import ModelWeights


def two_of_one_name():
    images = keras.Input((4, 4, 1))
    up = L.Conv2DTranspose(2, 3, use_bias=False, name="out")
    first = keras.Model(images, up(images))
    maps = keras.Input((6, 6, 2))
    second = keras.Model(maps, L.Conv2D(1, 3, use_bias=False, name="out")(maps))
    return keras.Model(images, second(first(images)))


def test_weights_of_one_path_have_axes_of_their_own():
    model = two_of_one_name()
    known = ModelWeights(model)
    first, second = model.trainable_weights
    assert first.path == second.path == known.path_of(first)
    assert known.axes_of(first) == (0, 1, 3)
    assert known.axes_of(second) == (0, 1, 2)
    groups = group_variables([second, first], "unit", known_axes=known)
    assert groups.unit_axes == ((0, 1, 2), (0, 1, 3))
    # The user's word comes first.
    told = AGC(unit_axes={"out/kernel": (0,)}).group([first, second], known)
    assert told.unit_axes == ((0,), (0,))


def test_what_is_not_the_models_is_not_known():
    stray = keras.Variable(np.zeros((2, 3)), name="kernel")
    known = ModelWeights(two_of_one_name())
    assert known.axes_of(stray) is None
    assert known.path_of(stray) == "kernel"
    assert group_variables([stray], "unit", known_axes=known).unit_axes == ((0,),)


def test_a_model_that_is_not_built_knows_what_its_layers_have():
    class NoCall(keras.Model):
        def __init__(self):
            super().__init__()
            self.up = L.Conv1DTranspose(1, 2, name="up")
            self.up.build((None, 3, 2))

    model = NoCall()
    known = ModelWeights(model)
    assert known.axes_of(model.up.kernel) == (0, 2)


def test_for_rules_that_group_by_themselves_it_is_what_unit_axes_of_returns():
    model = keras.Sequential([keras.Input((3,)), L.Dense(2), L.Dense(1)])
    assert dict(ModelWeights(model)) == unit_axes_of(model)
    assert len(ModelWeights(model)) == 4


def test_it_looks_only_when_it_is_asked(monkeypatch):
    asked = []

    def owners_of(model):
        asked.append(model)
        return {}

    monkeypatch.setattr(model_weights, "owners_of", owners_of)
    model = keras.Sequential([keras.Input((3,)), L.Dense(2)])
    known = ModelWeights(model)
    assert asked == []
    for _ in range(2):
        assert known.axes_of(model.weights[0]) is None
    assert asked == [model]
