"""Updates in which some variables, or all, have no gradient to clip."""

import warnings

import keras
import numpy as np
import pytest
from helpers.training import fit, mlp

from keras_gradclip import AutoClip, ClipByNorm, optimizers


def test_missing_gradients_shift_no_groups():
    a, b = (keras.Variable(np.ones(2, "float32"), name=name) for name in "ab")
    optimizer = optimizers.SGD(1.0, clipper=ClipByNorm(1.0, scope="variable"))
    optimizer.build([a, b])
    gradient = keras.ops.convert_to_tensor(np.array([3.0, 4.0], "float32"))
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        optimizer.apply([None, gradient], [a, b])
    np.testing.assert_allclose(keras.ops.convert_to_numpy(a), [1, 1])
    np.testing.assert_allclose(keras.ops.convert_to_numpy(b), [0.4, 0.2], rtol=1e-6)
    np.testing.assert_allclose(optimizer.clip_history()["norm"], [[0, 5]])


def test_a_model_with_nothing_to_train_is_left_alone():
    model = mlp()
    model.trainable = False
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The model does not have any trainable")
        fit(model, optimizers.Adam(0.01, clipper=AutoClip(30)))
    model.optimizer.build([])
    assert model.optimizer.clip_state is None


def test_gradients_that_are_new_values_are_not_missed():
    # As the scales of float8 training are; here with nothing beside them.
    variable = keras.Variable(np.ones(2, "float32"))
    variable.overwrite_with_gradient = True
    optimizer = optimizers.SGD(1.0, clipper=ClipByNorm(1.0))
    optimizer.apply([keras.ops.full((2,), 7.0)], iter([variable]))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), [7, 7])
