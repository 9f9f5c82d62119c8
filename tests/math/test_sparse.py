"""Sparse gradients: duplicate rows, also under the compiler."""

import keras
import numpy as np
import pytest
from helpers.stepping import BACKEND, HAS_SPARSE, MODES, array, dense, sparse

from keras_gradclip._backend import backend
from keras_gradclip._math.sparse import keep_first, sum_duplicates

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


@needs_sparse
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("indices", INDICES, ids=str)
def test_duplicates_are_summed(indices, mode):
    rows = rows_of(indices)

    def work(gradient):
        return sum_duplicates(backend.as_rows(gradient))

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
        return keep_first(*sum_duplicates(backend.as_rows(gradient)))

    kept = array(compiled(work, mode)(sparse(rows, indices, 5)))
    np.testing.assert_array_equal(dense(kept, indices, 5), dense(rows, indices, 5))
    for i, index in enumerate(indices):
        if index in indices[:i]:
            np.testing.assert_array_equal(kept[i], 0.0)


@needs_sparse
def test_half_precision_rows_are_summed_in_float32():
    gradient = sparse([[60000.0], [60000.0]], [1, 1], 2, "float16")
    sums, _ = sum_duplicates(backend.as_rows(gradient))
    assert keras.backend.standardize_dtype(sums.dtype) == "float32"
    assert array(sums).max() > 119000


@needs_sparse
def test_batch_that_touched_no_row():
    gradient = sparse(np.zeros((0, 3)), [], 5)
    sums, slots = sum_duplicates(backend.as_rows(gradient))
    assert array(sums).shape == (0, 3)
    assert array(slots).shape == (0,)
