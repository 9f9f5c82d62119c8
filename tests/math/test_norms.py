"""Norms: float32 sums of squares of dense, missing and half gradients."""

import keras
import numpy as np
import pytest
from helpers.stepping import BACKEND, HAS_SPARSE, array, sparse, tensors, variable

from keras_gradclip._math.norms import constant, sums_of_squares, whole_norm


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


def test_missing_gradient_beside_a_sparse_one_shifts_nothing():
    if not HAS_SPARSE:
        pytest.skip("torch has no sparse gradients in Keras")
    gradients = [None, sparse([[3.0, 4.0]], [1], 2), *tensors([[1.0, 2.0]])]
    np.testing.assert_allclose(array(sums_of_squares(gradients)), [0.0, 25.0, 5.0])


def test_whole_norm():
    np.testing.assert_allclose(array(whole_norm(*tensors([[9.0, 0.0, 16.0]]))), 5.0)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_whole_norm_tells_of_what_is_not_finite(bad):
    assert not np.isfinite(array(whole_norm(*tensors([[1.0, bad, 1.0]]))))


def test_constant_is_the_value_of_a_variable():
    weight = variable("v/kernel", [3.0, 4.0])
    np.testing.assert_array_equal(array(constant(weight)), [3.0, 4.0])
    if BACKEND == "torch":
        # A rule that looks at weights must not make a graph of each step.
        assert weight.value.requires_grad
        assert not constant(weight).requires_grad
