"""Sparse gradients: duplicate rows, also under the compiler."""

import keras
import numpy as np
import pytest
from helpers.stepping import BACKEND, HAS_SPARSE, MODES, array, dense, sparse, tensors

from keras_gradclip._math.sparse import as_rows, keep_first, sum_duplicates, to_dense

needs_sparse = pytest.mark.skipif(
    not HAS_SPARSE, reason="torch has no sparse gradients in Keras"
)
INDICES = [
    [0],
    [3, 1, 2],
    [1, 1, 1],
    [2, 0, 2, 4, 0],
    [4, 3, 2, 1, 0],
]


def compiled(function, mode):
    if mode == "eager":
        return function
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return tf.function(function, jit_compile=mode == "xla")
    import jax

    return jax.jit(function)


def rows_of(indices, seed=0):
    return np.random.default_rng(seed).integers(-9, 9, (len(indices), 3)).astype("f4")


def test_dense_gradient_is_not_taken_apart():
    (gradient,) = tensors([[1.0, 2.0]])
    assert as_rows(gradient) is None
    assert to_dense(gradient) is gradient


@needs_sparse
def test_rebuilding_gives_the_same_kind():
    gradient = sparse(rows_of([1, 1]), [1, 1], 4)
    rows = as_rows(gradient)
    again = rows.rebuild(2 * rows.values)
    assert type(again) is type(gradient)
    np.testing.assert_array_equal(array(again), 2 * array(gradient))


@needs_sparse
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("indices", INDICES, ids=str)
def test_duplicates_are_summed(indices, mode):
    rows = rows_of(indices)

    def work(gradient):
        return sum_duplicates(as_rows(gradient))

    sums, slots = compiled(work, mode)(sparse(rows, indices, 5))
    sums, slots = array(sums), array(slots)
    whole = dense(rows, indices, 5)
    np.testing.assert_array_equal(sums[slots], whole[indices])
    left_over = sorted(set(range(len(indices))) - set(slots.tolist()))
    assert len(left_over) == len(indices) - len(set(indices))
    np.testing.assert_array_equal(sums[left_over], 0.0)


@needs_sparse
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("indices", INDICES, ids=str)
def test_sum_is_put_on_the_first_of_its_rows(indices, mode):
    rows = rows_of(indices)

    def work(gradient):
        return keep_first(*sum_duplicates(as_rows(gradient)))

    kept = array(compiled(work, mode)(sparse(rows, indices, 5)))
    np.testing.assert_array_equal(dense(kept, indices, 5), dense(rows, indices, 5))
    for i, index in enumerate(indices):
        if index in indices[:i]:
            np.testing.assert_array_equal(kept[i], 0.0)


@needs_sparse
def test_half_precision_rows_are_summed_in_float32():
    gradient = sparse([[60000.0], [60000.0]], [1, 1], 2, "float16")
    sums, _ = sum_duplicates(as_rows(gradient))
    assert keras.backend.standardize_dtype(sums.dtype) == "float32"
    assert array(sums).max() > 119000


@needs_sparse
def test_batch_that_touched_no_row():
    gradient = sparse(np.zeros((0, 3)), [], 5)
    sums, slots = sum_duplicates(as_rows(gradient))
    assert array(sums).shape == (0, 3)
    assert array(slots).shape == (0,)


@needs_sparse
def test_to_dense():
    rows = rows_of([2, 0, 2])
    result = to_dense(sparse(rows, [2, 0, 2], 4))
    assert as_rows(result) is None
    np.testing.assert_array_equal(array(result), dense(rows, [2, 0, 2], 4))
