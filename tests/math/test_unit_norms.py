"""The norms of single output units, and gradients scaled unit by unit."""

import keras
import numpy as np
import pytest
from helpers.stepping import (
    BACKEND,
    HAS_SPARSE,
    array,
    arrays,
    dense,
    pieces,
    random_gradients,
    sparse,
    tensors,
    variable,
    variables,
)

from keras_gradclip._math.groups import group_variables
from keras_gradclip._math.unit_norms import UnitNorms

GRADIENTS = random_gradients(1, seed=3)[0]
# Columns of the kernels, whole biases: 2 + 1 + 4 + 1.
UNITS = 8
needs_sparse = pytest.mark.skipif(
    not HAS_SPARSE, reason="torch has no sparse gradients in Keras"
)


def measured(gradients=None, **arguments):
    groups = group_variables(variables(), "unit", **arguments)
    gradients = tensors(GRADIENTS) if gradients is None else gradients
    return UnitNorms(gradients, variables(), groups)


def norm(parts):
    return np.sqrt(sum((np.asarray(p, "float64") ** 2).sum() for p in parts))


def scaled(measure, scales, untouched=1.0):
    scales, kept = tensors([scales, untouched])
    return measure.scaled(scales, kept, keras.ops.convert_to_tensor(True))


def effect(measure, scales, finite=True, untouched=1.0):
    scales, kept = tensors([scales, untouched])
    finite = keras.ops.convert_to_tensor(finite)
    return arrays(measure.effect(scales, scales, finite, kept))


def test_norms_are_those_of_the_units():
    measure = measured()
    expected = [norm([piece]) for piece in pieces("unit", GRADIENTS)]
    np.testing.assert_allclose(array(measure.norms), expected, rtol=1e-5)
    np.testing.assert_allclose(array(measure.whole), norm(GRADIENTS), rtol=1e-5)


def test_weight_norms_are_those_of_the_same_units():
    values = [keras.ops.convert_to_numpy(v) for v in variables()]
    expected = [norm([piece]) for piece in pieces("unit", values)]
    np.testing.assert_allclose(array(measured().weight_norms()), expected, rtol=1e-5)


def test_each_unit_gets_its_own_scale():
    scales = np.linspace(0.2, 0.9, UNITS)
    kernel, bias, head_kernel, head_bias = GRADIENTS
    expected = [
        kernel * scales[:2],
        bias * scales[2],
        head_kernel * scales[3:7],
        head_bias * scales[7],
    ]
    for result, value in zip(arrays(scaled(measured(), scales)), expected):
        np.testing.assert_allclose(result, value, rtol=1e-5)


def test_what_is_left_out_is_no_unit_but_part_of_the_whole():
    measure = measured(exclude="dense/kernel")
    assert array(measure.norms).shape == (UNITS - 2,)
    np.testing.assert_allclose(array(measure.whole), norm(GRADIENTS), rtol=1e-5)
    for untouched in (1.0, 0.0):
        results = arrays(scaled(measure, np.full(UNITS - 2, 0.5), untouched))
        np.testing.assert_allclose(results[0], untouched * GRADIENTS[0], rtol=1e-6)
        np.testing.assert_allclose(results[1], 0.5 * GRADIENTS[1], rtol=1e-6)


@pytest.mark.parametrize("exclude", [None, "dense/kernel"])
def test_the_whole_after_is_the_norm_of_what_comes_out(exclude):
    measure = measured(exclude=exclude)
    scales = np.linspace(0.2, 0.9, array(measure.norms).size)
    after = array(measure.whole_after(*tensors([scales])))
    assert after.shape == ()
    np.testing.assert_allclose(after, norm(arrays(scaled(measure, scales))), rtol=1e-5)


def test_the_effect_is_of_the_units_as_one_group():
    measure = measured(exclude="dense/kernel")
    scales = np.linspace(0.2, 0.9, UNITS - 2)
    taking_part = arrays(scaled(measure, scales))[1:]
    norms, thresholds, factors = effect(measure, scales)
    assert norms.shape == thresholds.shape == factors.shape == (1,)
    before, after = norm(GRADIENTS[1:]), norm(taking_part)
    np.testing.assert_allclose(norms, [before], rtol=1e-5)
    np.testing.assert_allclose(thresholds, [after], rtol=1e-5)
    np.testing.assert_allclose(factors, [after / before], rtol=1e-5)


def test_the_effect_of_scales_of_one_is_exactly_one():
    np.testing.assert_array_equal(effect(measured(), np.ones(UNITS))[2], [1.0])


@pytest.mark.parametrize("untouched", [0.0, 1.0])
def test_the_effect_on_a_broken_step_is_what_became_of_it(untouched):
    broken = [np.full_like(GRADIENTS[0], np.nan), *GRADIENTS[1:]]
    measure = measured(tensors(broken))
    scales = effect(measure, np.full(UNITS, untouched), False, untouched)[2]
    np.testing.assert_array_equal(scales, [untouched])


def test_axes_that_sum_nothing_make_each_element_a_unit():
    measure = measured(unit_axes={"head/kernel": (), "head/bias": ()})
    norms = array(measure.norms)
    assert norms.shape == (3 + 8 + 4,)
    np.testing.assert_allclose(norms[3:11], abs(GRADIENTS[2]).ravel(), rtol=1e-6)
    scales = np.linspace(0.1, 0.9, 15)
    results = arrays(scaled(measure, scales))
    expected = GRADIENTS[2] * scales[3:11].reshape(2, 4)
    np.testing.assert_allclose(results[2], expected, rtol=1e-5)


def test_a_missing_gradient_has_no_units_and_shifts_none():
    measure = measured(tensors([GRADIENTS[0], None, *GRADIENTS[2:]]))
    results = scaled(measure, np.linspace(0.2, 0.9, UNITS - 1))
    assert results[1] is None
    np.testing.assert_allclose(
        array(results[2]), GRADIENTS[2] * np.linspace(0.2, 0.9, 7)[2:6], rtol=1e-5
    )
    assert array(measure.weight_norms()).shape == (UNITS - 1,)


def test_no_gradient_at_all_has_no_units():
    measure = measured([None] * 4)
    assert array(measure.norms).shape == array(measure.weight_norms()).shape == (0,)
    assert array(measure.whole) == 0
    np.testing.assert_array_equal(effect(measure, np.zeros(0))[2], [1.0])


ROWS, INDICES = np.array([[3.0, 4.0], [1.0, 0.0], [3.0, 4.0]]), [2, 0, 2]


def table_norms(axes):
    weights = np.arange(1.0, 9.0).reshape(4, 2)
    table = variable("table/embeddings", weights)
    groups = group_variables([table], "unit", unit_axes={"table": axes})
    gradient = sparse(ROWS, INDICES, 4)
    return UnitNorms([gradient], [table], groups), weights, gradient


@needs_sparse
def test_the_units_of_a_sparse_gradient_are_its_distinct_rows():
    measure, weights, gradient = table_norms(axes=(1,))
    norms, weight_norms = array(measure.norms), array(measure.weight_norms())
    # One row for each distinct index, and zeros in what is left over.
    assert sorted(norms.tolist()) == pytest.approx([0.0, 1.0, 10.0])
    for value, index in [(10.0, 2), (1.0, 0)]:
        (at,) = np.flatnonzero(np.isclose(norms, value))
        np.testing.assert_allclose(weight_norms[at], norm([weights[index]]), 1e-5)
    scales = np.where(norms > 5, 0.1, 0.5)
    (result,) = scaled(measure, scales)
    assert type(result) is type(gradient)
    expected = dense(ROWS, INDICES, 4) * [[0.5], [1], [0.1], [1]]
    np.testing.assert_allclose(array(result), expected, rtol=1e-6)


@needs_sparse
def test_a_unit_that_reaches_over_all_rows_is_measured_dense():
    measure, weights, gradient = table_norms(axes=(0,))
    whole = dense(ROWS, INDICES, 4)
    expected = np.sqrt((whole**2).sum(axis=0))
    np.testing.assert_allclose(array(measure.norms), expected, rtol=1e-6)
    expected = np.sqrt((weights**2).sum(axis=0))
    np.testing.assert_allclose(array(measure.weight_norms()), expected, rtol=1e-6)
    (result,) = scaled(measure, [0.5, 0.25])
    assert type(result) is type(gradient)
    np.testing.assert_allclose(array(result), whole * [0.5, 0.25], rtol=1e-6)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="only there sizes come late")
def test_how_many_rows_there_are_may_be_known_in_the_step_only():
    import tensorflow as tf

    table = variable("table/embeddings", np.ones((4, 2)))
    groups = group_variables([table, variables()[1]], "unit")

    @tf.function(
        input_signature=[
            tf.TensorSpec((None, 2), "float32"),
            tf.TensorSpec((None,), "int64"),
            tf.TensorSpec((2,), "float32"),
        ]
    )
    def halved(rows, indices, bias):
        gradient = tf.IndexedSlices(rows, indices, tf.constant((4, 2)))
        measure = UnitNorms([gradient, bias], [table, variables()[1]], groups)
        scales = 0.5 * tf.ones_like(measure.norms)
        return measure.scaled(scales, tf.constant(1.0), tf.constant(True))

    for count in (3, 2, 1):
        rows, indices = ROWS[:count].astype("float32"), np.array(INDICES[:count])
        first, second = halved(rows, indices, np.float32([2.0, 4.0]))
        expected = 0.5 * dense(rows, indices, 4)
        np.testing.assert_allclose(array(first), expected, rtol=1e-6)
        np.testing.assert_array_equal(array(second), [1.0, 2.0])
