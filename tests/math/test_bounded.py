"""Gradients whose elements have been moved into a range."""

import keras
import numpy as np
import pytest
from helpers.stepping import (
    HAS_SPARSE,
    array,
    arrays,
    dense,
    random_gradients,
    sparse,
    tensors,
    variable,
    variables,
)

from keras_gradclip._math.bounded import Bounded
from keras_gradclip._math.groups import group_variables

GRADIENTS = random_gradients(1, seed=3)[0]
BOUND = 0.3
INSIDE = [np.clip(g, -BOUND, BOUND) for g in GRADIENTS]
needs_sparse = pytest.mark.skipif(
    not HAS_SPARSE, reason="torch has no sparse gradients in Keras"
)
YES, NO = (keras.ops.convert_to_tensor(b) for b in (True, False))


def bounded(gradients=GRADIENTS, bound=BOUND, scope="global", **arguments):
    groups = group_variables(variables(), scope, **arguments)
    return Bounded(tensors(gradients), bound, groups)


def norm(parts):
    return np.sqrt(sum((np.asarray(p, "float64") ** 2).sum() for p in parts))


def assert_arrays(results, expected):
    for result, value in zip(arrays(results), expected, strict=True):
        np.testing.assert_allclose(result, value, rtol=1e-6)


def test_each_element_is_moved_into_the_range():
    assert_arrays(bounded().or_zeros(YES), INSIDE)
    assert_arrays(bounded().unless_broken(YES), INSIDE)


def test_a_broken_step_gives_zeros_or_the_original():
    assert_arrays(bounded().or_zeros(NO), [0 * g for g in GRADIENTS])
    assert_arrays(bounded().unless_broken(NO), GRADIENTS)
    nan = [np.full_like(g, np.nan) for g in GRADIENTS]
    assert_arrays(bounded(nan).or_zeros(NO), [0 * g for g in GRADIENTS])
    assert_arrays(bounded(nan).unless_broken(NO), nan)


def test_the_whole_before_and_after():
    for exclude in (None, "head/bias"):
        measure = bounded(exclude=exclude)
        after = INSIDE if exclude is None else [*INSIDE[:3], GRADIENTS[3]]
        np.testing.assert_allclose(array(measure.whole), norm(GRADIENTS), 1e-5)
        np.testing.assert_allclose(array(measure.whole_after), norm(after), 1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_the_whole_tells_of_a_broken_gradient_that_is_left_out(bad):
    broken = [*GRADIENTS[:3], np.full_like(GRADIENTS[3], bad)]
    assert not np.isfinite(array(bounded(broken, exclude="head/bias").whole))


def test_what_is_left_out_is_not_changed_but_dropped_with_the_rest():
    measure = bounded(exclude="dense")
    assert_arrays(measure.or_zeros(YES), [*GRADIENTS[:2], *INSIDE[2:]])
    assert_arrays(measure.or_zeros(NO), [0 * g for g in GRADIENTS])


def test_a_missing_gradient_stays_missing():
    measure = bounded([GRADIENTS[0], None, *GRADIENTS[2:]])
    for results in (measure.or_zeros(YES), measure.unless_broken(YES)):
        assert results[1] is None
        np.testing.assert_allclose(array(results[2]), INSIDE[2], rtol=1e-6)


def effect(measure, finite=YES, untouched=1.0):
    return arrays(measure.effect(finite, *tensors([untouched])))


def test_the_effect_on_each_group():
    norms, thresholds, scales = effect(bounded(scope="layer"))
    before = [norm(GRADIENTS[:2]), norm(GRADIENTS[2:])]
    after = [norm(INSIDE[:2]), norm(INSIDE[2:])]
    assert before > after
    np.testing.assert_allclose(norms, before, rtol=1e-5)
    np.testing.assert_allclose(thresholds, after, rtol=1e-5)
    np.testing.assert_allclose(scales, np.divide(after, before), rtol=1e-5)


def test_the_scale_is_exactly_one_in_a_group_without_an_element_outside():
    largest = abs(GRADIENTS[0]).max()
    # The bound itself is inside.
    measure = bounded(scope="variable", bound=largest)
    scales = effect(measure)[2]
    assert scales[0] == 1.0
    expected = [abs(g).max() <= largest for g in GRADIENTS]
    np.testing.assert_array_equal(scales == 1.0, expected)
    assert not all(expected)


@pytest.mark.parametrize("untouched", [0.0, 1.0])
def test_the_scale_of_a_broken_step(untouched):
    scales = effect(bounded(scope="layer"), NO, untouched)[2]
    np.testing.assert_array_equal(scales, [untouched, untouched])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_bounded_in_float32(dtype):
    weight = variable("w", [1.0, 1.0])
    groups = group_variables([weight], "global")
    tiny = 2.0**-30  # below float16's range
    measure = Bounded(tensors([[2.0**-10, 0.0]], dtype), tiny, groups)
    (result,) = measure.or_zeros(YES)
    assert keras.backend.standardize_dtype(result.dtype) == dtype
    assert array(effect(measure)[2])[0] == pytest.approx(2.0**-20)
    assert array(measure.whole_after) == pytest.approx(tiny)


def sparse_measure(rows, indices, bound):
    table = variable("table/embeddings", np.ones((4, 2)))
    groups = group_variables([table], "global")
    return Bounded([sparse(rows, indices, 4)], bound, groups)


@needs_sparse
@pytest.mark.parametrize("method", ["or_zeros", "unless_broken"])
def test_the_bound_holds_for_the_sum_of_duplicate_rows(method):
    rows, indices = [[0.4, -9.0], [0.1, 0.2], [0.4, 3.0]], [2, 0, 2]
    measure = sparse_measure(rows, indices, 0.5)
    (result,) = getattr(measure, method)(YES)
    assert type(result) is type(sparse(rows, indices, 4))
    expected = np.clip(dense(rows, indices, 4), -0.5, 0.5)
    np.testing.assert_allclose(array(result), expected, rtol=1e-6)
    whole = norm([dense(rows, indices, 4)])
    np.testing.assert_allclose(array(measure.whole), whole, rtol=1e-5)
    np.testing.assert_allclose(array(measure.whole_after), norm([expected]), rtol=1e-5)


@needs_sparse
def test_a_broken_sparse_gradient_is_handed_on_as_it_was():
    rows, indices = [[np.inf, -9.0], [0.1, 0.2], [0.4, 3.0]], [2, 0, 2]
    measure = sparse_measure(rows, indices, 0.5)
    assert not np.isfinite(array(measure.whole))
    (result,) = measure.unless_broken(NO)
    np.testing.assert_array_equal(array(result), dense(rows, indices, 4))
    (result,) = measure.or_zeros(NO)
    np.testing.assert_array_equal(array(result), np.zeros((4, 2)))
