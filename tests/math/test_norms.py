"""Norms: float32 sums of squares of dense, missing and half gradients."""

import keras
import numpy as np
import pytest
from helpers.stepping import BACKEND, HAS_SPARSE, array, sparse, tensors, variable

from keras_gradclip._keras import in_xla
from keras_gradclip._math.norms import sums_of_squares, unit_norms


def test_sums_of_squares_of_any_shape():
    generator = np.random.default_rng(0)
    values = [generator.normal(size=shape) for shape in [(), (3,), (2, 3), (2, 3, 4)]]
    sums = sums_of_squares(tensors(values))
    assert keras.backend.standardize_dtype(sums.dtype) == "float32"
    np.testing.assert_allclose(array(sums), [(v**2).sum() for v in values], rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("value", [2.0**-13, 2.0**10])
def test_half_precision_is_squared_in_float32(dtype, value):
    sums = sums_of_squares(tensors([np.full(4, value), np.full(2, value)], dtype))
    np.testing.assert_allclose(array(sums), [4 * value**2, 2 * value**2], rtol=1e-6)


def test_missing_gradient_is_zero():
    sums = sums_of_squares([None, *tensors([[3.0, 4.0]]), None])
    np.testing.assert_allclose(array(sums), [0.0, 25.0, 0.0], rtol=1e-6)


def test_only_missing_gradients():
    np.testing.assert_array_equal(array(sums_of_squares([None, None])), [0.0, 0.0])


def test_mixed_dtypes():
    half, single = tensors([[3.0, 4.0]], "float16") + tensors([[6.0, 8.0]])
    np.testing.assert_allclose(array(sums_of_squares([half, single])), [25.0, 100.0])


@pytest.mark.skipif(BACKEND == "jax", reason="JAX has no float64 by default")
def test_float64():
    (wide,) = tensors([[3.0, 4.0]], "float64")
    sums = sums_of_squares([wide])
    assert keras.backend.standardize_dtype(sums.dtype) == "float32"
    np.testing.assert_allclose(array(sums), [25.0])


def test_keras_variables():
    # An optimizer hands over its variables as the weights.
    np.testing.assert_allclose(
        array(sums_of_squares([variable("v/kernel", [3.0, 4.0])])), [25.0]
    )


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_stays_in_its_own_entry(bad):
    sums = array(sums_of_squares(tensors([[1.0, bad], [3.0, 4.0]])))
    assert not np.isfinite(sums[0])
    np.testing.assert_allclose(sums[1], 25.0)


@pytest.mark.skipif(not HAS_SPARSE, reason="torch has no sparse gradients in Keras")
def test_duplicate_rows_are_summed_first():
    gradient = sparse([[3.0, 4.0], [1.0, 0.0], [3.0, 4.0]], [2, 0, 2], 4)
    np.testing.assert_allclose(array(sums_of_squares([gradient])), [101.0])


@pytest.mark.parametrize("axes", [(), (0,), (1,), (0, 1), (0, 2), (0, 1, 2)])
def test_unit_norms_broadcast_against_the_tensor(axes):
    value = np.random.default_rng(1).normal(size=(2, 3, 4))
    expected = (
        np.sqrt(np.sum(value**2, axis=axes, keepdims=True)) if axes else abs(value)
    )
    result = array(unit_norms(*tensors([value]), axes))
    assert result.shape == expected.shape
    np.testing.assert_allclose(result, expected, rtol=1e-5)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="only there XLA is told apart")
def test_xla_sums_the_same():
    import tensorflow as tf

    generator = np.random.default_rng(0)
    # Sizes with many, few and no columns in common with 256.
    shapes = [(64, 256), (48, 16), (7, 5), (3,), (), (0, 4)]
    values = [generator.normal(size=shape) for shape in shapes]
    sums = tf.function(sums_of_squares, jit_compile=True)(tensors(values))
    np.testing.assert_allclose(array(sums), [(v**2).sum() for v in values], rtol=1e-5)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="only there XLA is told apart")
def test_xla_is_recognised_where_it_is():
    import tensorflow as tf

    seen = {}

    def look(name):
        seen[name] = in_xla()
        return tf.constant(0)

    look("eager")
    tf.function(lambda: look("graph"))()
    tf.function(lambda: look("xla"), jit_compile=True)()
    inner = tf.function(lambda: look("inside xla"))
    tf.function(lambda: inner(), jit_compile=True)()
    assert seen == {"eager": False, "graph": False, "xla": True, "inside xla": True}
