"""Scaling: in float32, dtype kept, and a scale of 0 wins over NaN."""

import keras
import numpy as np
import pytest
from helpers.stepping import BACKEND, HAS_SPARSE, array, arrays, dense, sparse, tensors

from keras_gradclip._math.scaling import on_values, scale_by_group, scale_each

needs_sparse = pytest.mark.skipif(
    not HAS_SPARSE, reason="torch has no sparse gradients in Keras"
)


def by_group(values, scales, groups=None, dtype="float32"):
    groups = range(len(values)) if groups is None else groups
    return scale_by_group(tensors(values, dtype), *tensors([scales]), groups)


def each(values, scales, dtype="float32", finite=True):
    finite = keras.ops.convert_to_tensor(finite)
    return scale_each(tensors(values, dtype), tensors(scales), finite)


def test_each_group_has_its_own_scale():
    results = arrays(by_group([[1.0, 2.0], [3.0], [4.0]], [0.5, 2.0], [0, 1, 0]))
    for result, expected in zip(results, [[0.5, 1.0], [6.0], [2.0]]):
        np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("shape", [(), (1, 3), (2, 1), (2, 3), (1, 1)])
def test_scale_may_broadcast(shape):
    generator = np.random.default_rng(0)
    value, factor = generator.normal(size=(2, 3)), generator.uniform(size=shape)
    (result,) = each([value], [factor])
    np.testing.assert_allclose(array(result), value * factor, rtol=1e-6)


def one(value, scale, dtype="float32", finite=True):
    """What both functions make of one gradient and one scale."""
    first = by_group([value], [scale], dtype=dtype)
    return first + each([value], [scale], dtype, finite)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_scale_of_zero_wins_over_nan_and_inf(dtype):
    for result in one([np.nan, np.inf, 1.0], 0.0, dtype, finite=False):
        np.testing.assert_array_equal(array(result), 0.0)


def test_scale_of_one_changes_no_bit():
    value = np.array([np.nan, np.inf, -0.0, 1.2e-38, 3.3e38], "float32")
    for result in one(value, 1.0, finite=False):
        np.testing.assert_array_equal(array(result), value)
        np.testing.assert_array_equal(np.signbit(array(result)), np.signbit(value))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_dtype_is_kept(dtype):
    if dtype == "float64" and BACKEND == "jax":
        pytest.skip("JAX has no float64 by default")
    for result in one([1.0, 2.0], 0.5, dtype):
        assert keras.backend.standardize_dtype(result.dtype) == dtype
        np.testing.assert_array_equal(array(result), [0.5, 1.0])


def test_scale_that_float16_cannot_hold():
    # In float16 the scale would be 0, and the result of 60000 too.
    for result in one([60000.0], 1e-8, "float16"):
        np.testing.assert_allclose(array(result), [6e-4], rtol=1e-3)


def test_dtypes_may_be_mixed():
    gradients = tensors([[2.0]], "float16") + tensors([[4.0]])
    results = scale_by_group(gradients, *tensors([[0.5, 0.25]]), [0, 1])
    assert [keras.backend.standardize_dtype(r.dtype) for r in results] == [
        "float16",
        "float32",
    ]
    assert arrays(results) == [1.0, 1.0]


def test_missing_gradient_stays_missing_and_shifts_no_scale():
    values = [None, [2.0], None, [3.0]]
    for results in (
        by_group(values, [9.0, 0.5, 2.0], [0, 1, 0, 2]),
        each(values, [[9.0], [0.5], [9.0], [2.0]]),
    ):
        assert results[0] is results[2] is None
        assert arrays([results[1], results[3]]) == [1.0, 6.0]
    assert by_group([None], [0.5]) == [None]


def test_none_but_missing_gradients_have_scales_of_their_own():
    assert each([None, None], [0.5, 0.25]) == [None, None]


def test_on_values_hands_over_what_is_there_in_order():
    seen = []

    def negate(values):
        seen.extend(arrays(values))
        return [-value for value in values]

    results = on_values(tensors([[1.0, 2.0], None, [3.0]]), negate)
    assert results[1] is None
    np.testing.assert_array_equal(array(results[0]), [-1.0, -2.0])
    np.testing.assert_array_equal(array(results[2]), [-3.0])
    assert [value.tolist() for value in seen] == [[1.0, 2.0], [3.0]]


@needs_sparse
def test_on_values_sees_the_rows_of_a_sparse_gradient():
    rows, indices = [[1.0], [2.0], [4.0]], [3, 0, 3]
    gradients = [*tensors([[7.0]]), sparse(rows, indices, 5)]
    results = on_values(gradients, lambda values: [10.0 * v for v in values])
    assert type(results[1]) is type(gradients[1])
    np.testing.assert_array_equal(array(results[0]), [70.0])
    np.testing.assert_array_equal(array(results[1]), 10 * dense(rows, indices, 5))


@needs_sparse
def test_sparse_gradient_stays_sparse():
    rows, indices = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [2, 0, 2]
    gradient = sparse(rows, indices, 3)
    (result,) = scale_by_group([gradient], *tensors([[0.5]]), [0])
    assert type(result) is type(gradient)
    np.testing.assert_array_equal(array(result), 0.5 * dense(rows, indices, 3))
    by_row = np.array([[0.5], [1.0], [0.5]])
    finite = keras.ops.convert_to_tensor(True)
    (result,) = scale_each([gradient], tensors([by_row]), finite)
    assert type(result) is type(gradient)
    expected = dense(by_row * np.array(rows), indices, 3)
    np.testing.assert_array_equal(array(result), expected)
