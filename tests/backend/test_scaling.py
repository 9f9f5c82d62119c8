"""How the active backend's module multiplies gradients by scales.

Torch takes other ways for other dtypes and numbers; all must do the same.
"""

import keras
import numpy as np
import pytest
from helpers.stepping import BACKEND, array, arrays, tensors

from keras_gradclip._backend import backend

DTYPES = ["float32", "float16", "bfloat16"] + ["float64"] * (BACKEND != "jax")
every_dtype = pytest.mark.parametrize("dtype", DTYPES)
NUMBERS = [[1.0, -2.0, 3.0], [4.0], [-0.5, 8.0]]


def by_group(values, scales, dtype="float32"):
    """Scales the first and last value by the first scale, the second by the other."""
    (scales,) = tensors([scales])
    return backend.scale_by_group(tensors(values, dtype), scales, [0, 1, 0])


def each(values, scales, dtype="float32", finite=True):
    first, second = tensors(scales)
    finite = keras.ops.convert_to_tensor(finite)
    return backend.scale_each(tensors(values, dtype), [first, second, first], finite)


def both(values, scales, dtype="float32", finite=True):
    return by_group(values, scales, dtype), each(values, scales, dtype, finite)


def dtype_of(tensor):
    return keras.backend.standardize_dtype(tensor.dtype)


@every_dtype
@pytest.mark.parametrize("finite", [True, False])
@pytest.mark.parametrize("scales", [(0.5, 0.25), (1.0, 0.5), (0.0, 0.5), (0.0, 0.0)])
def test_each_tensor_is_multiplied_in_its_own_dtype(scales, finite, dtype):
    factors = [scales[0], scales[1], scales[0]]
    for results in both(NUMBERS, scales, dtype, finite):
        assert {dtype_of(result) for result in results} == {dtype}
        for result, value, factor in zip(arrays(results), NUMBERS, factors):
            np.testing.assert_array_equal(result, np.array(value) * factor)


@every_dtype
@pytest.mark.parametrize("scales", [(0.0, 0.5), (0.0, 1.0)])
def test_zero_times_nan_is_zero(scales, dtype):
    broken = [[np.nan, np.inf, 1.0], [2.0], [-np.inf, 8.0]]
    for results in both(broken, scales, dtype, finite=False):
        first, second, third = arrays(results)
        np.testing.assert_array_equal(first, 0.0)
        np.testing.assert_array_equal(third, 0.0)
        np.testing.assert_array_equal(second, [2.0 * scales[1]])


@every_dtype
@pytest.mark.parametrize("scales", [(1.0, 1.0), (1.0, 0.5), (1.0, 0.0)])
def test_one_changes_no_bit(scales, dtype):
    odd = [np.nan, np.inf, -0.0, 1.2e-38, 3.3e38, 1 / 3]
    expected = array(tensors([odd], dtype)[0])
    for results in both([odd, [2.0], odd], scales, dtype, finite=False):
        for result in (array(results[0]), array(results[2])):
            np.testing.assert_array_equal(result, expected)
            np.testing.assert_array_equal(np.signbit(result), np.signbit(expected))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_multiplied_in_float32(dtype):
    # In float16 this scale would be 0, and in bfloat16 0.1 has two digits.
    small, tenth = 1e-8, float(np.float32(0.1))
    values = [[32768.0], [256.0], [16384.0]]
    for results in both(values, (small, tenth), dtype):
        expected = tensors([[32768.0 * small], [256.0 * tenth]], dtype)
        np.testing.assert_array_equal(array(results[0]), array(expected[0]))
        np.testing.assert_array_equal(array(results[1]), array(expected[1]))


@pytest.mark.skipif(BACKEND == "jax", reason="JAX has no float64 by default")
def test_float64_is_multiplied_in_float64():
    value, scale = 1.0 + 2.0**-23, float(np.float32(1 / 3))
    precise = keras.ops.convert_to_tensor(np.array([value + 2.0**-40]))
    (scales,) = tensors([[scale]])
    (result,) = backend.scale_by_group([precise], scales, [0])
    assert array(result)[0] == (value + 2.0**-40) * scale


@pytest.mark.parametrize("shape", [(2, 1), (1, 3), (2, 3), (1, 1)])
@pytest.mark.parametrize("finite", [True, False])
def test_a_scale_of_its_own_broadcasts(shape, finite):
    generator = np.random.default_rng(0)
    value, scale = generator.normal(size=(2, 3)), generator.uniform(size=shape)
    scale[0, 0] = 0.0
    finite = keras.ops.convert_to_tensor(finite)
    (result,) = backend.scale_each(tensors([value]), tensors([scale]), finite)
    np.testing.assert_allclose(array(result), value * scale, rtol=1e-6)


def test_mixed_dtypes_keep_theirs():
    gradients = [*tensors([[2.0]], "float16"), *tensors([[4.0]])]
    (scales,) = tensors([[0.5, 0.25]])
    results = backend.scale_by_group(gradients, scales, [0, 1])
    assert [dtype_of(result) for result in results] == ["float16", "float32"]
    assert arrays(results) == [1.0, 1.0]


def test_what_was_given_is_not_changed():
    given = tensors(NUMBERS)
    backend.scale_by_group(given, *tensors([[0.5, 0.0]]), [0, 1, 0])
    backend.scale_each(given, tensors([0.5] * 3), keras.ops.convert_to_tensor(True))
    for tensor, value in zip(arrays(given), NUMBERS):
        np.testing.assert_array_equal(tensor, value)
