"""Scaling: in float32, dtype kept, and a scale of 0 wins over NaN."""

import keras
import numpy as np
import pytest
from helpers.stepping import BACKEND, HAS_SPARSE, array, arrays, dense, sparse, tensors

from keras_gradclip._math.scaling import scale_gradients


def scale(values, scales, dtype="float32"):
    return scale_gradients(tensors(values, dtype), tensors(scales))


def test_each_gradient_has_its_own_scale():
    results = arrays(scale([[1.0, 2.0], [3.0], [4.0]], [0.5, 1.0, 0.5]))
    for result, expected in zip(results, [[0.5, 1.0], [3.0], [2.0]]):
        np.testing.assert_array_equal(result, expected)


def test_gradients_may_share_one_scale():
    (half,) = tensors([0.5])
    results = scale_gradients(tensors([[1.0, 2.0], [3.0]]), [half, half])
    np.testing.assert_array_equal(array(results[0]), [0.5, 1.0])
    np.testing.assert_array_equal(array(results[1]), [1.5])


@pytest.mark.parametrize("shape", [(1, 3), (2, 1), (2, 3), (1, 1)])
def test_scale_may_broadcast(shape):
    generator = np.random.default_rng(0)
    value, factor = generator.normal(size=(2, 3)), generator.uniform(size=shape)
    (result,) = scale([value], [factor])
    np.testing.assert_allclose(array(result), value * factor, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("shape", [(), (3,)])
def test_scale_of_zero_wins_over_nan_and_inf(dtype, shape):
    (result,) = scale([[np.nan, np.inf, 1.0]], [np.zeros(shape)], dtype)
    np.testing.assert_array_equal(array(result), 0.0)


def test_scale_of_one_changes_no_bit():
    value = np.array([np.nan, np.inf, -0.0, 1.2e-38, 3.3e38], "float32")
    (result,) = scale([value], [1.0])
    np.testing.assert_array_equal(array(result), value)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_dtype_is_kept(dtype):
    if dtype == "float64" and BACKEND == "jax":
        pytest.skip("JAX has no float64 by default")
    (result,) = scale([[1.0, 2.0]], [0.5], dtype)
    assert keras.backend.standardize_dtype(result.dtype) == dtype
    np.testing.assert_array_equal(array(result), [0.5, 1.0])


def test_scale_that_float16_cannot_hold():
    # In float16 the scale would be 0, and the result of 60000 too.
    (result,) = scale([[60000.0]], [1e-8], "float16")
    np.testing.assert_allclose(array(result), [6e-4], rtol=1e-3)


def test_missing_gradient_stays_missing():
    (value,), scales = tensors([[2.0]]), tensors([0.5, 0.5, 0.5])
    result = scale_gradients([None, value, None], scales)
    assert result[0] is None
    assert result[2] is None
    np.testing.assert_array_equal(array(result[1]), [1.0])
    assert scale_gradients([None], scales[:1]) == [None]


@pytest.mark.skipif(not HAS_SPARSE, reason="torch has no sparse gradients in Keras")
def test_sparse_gradient_stays_sparse():
    rows, indices = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [2, 0, 2]
    gradient = sparse(rows, indices, 3)
    (result,) = scale_gradients([gradient], tensors([0.5]))
    assert type(result) is type(gradient)
    np.testing.assert_array_equal(array(result), 0.5 * dense(rows, indices, 3))
    by_row = np.array([[0.5], [1.0], [0.5]])
    (result,) = scale_gradients([gradient], tensors([by_row]))
    expected = dense(by_row * np.array(rows), indices, 3)
    np.testing.assert_array_equal(array(result), expected)
