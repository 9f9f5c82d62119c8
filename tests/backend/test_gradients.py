"""What the active backend's module does with gradients, against NumPy."""

import itertools

import keras
import numpy as np
import pytest
from helpers.stepping import (
    BACKEND,
    HAS_SPARSE,
    array,
    arrays,
    dense,
    sparse,
    tensors,
    variable,
)

from keras_gradclip._backend import backend

SHAPES = [(), (3,), (2, 3), (2, 3, 4)]
needs_sparse = pytest.mark.skipif(
    not HAS_SPARSE, reason="torch has no sparse gradients in Keras"
)


def values(seed=0, shapes=SHAPES):
    generator = np.random.default_rng(seed)
    return [generator.normal(size=shape).astype("float32") for shape in shapes]


def compiled(function):
    """As in a training step; on torch as it is."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return tf.function(function, jit_compile=True)
    if BACKEND == "jax":
        import jax

        return jax.jit(function)
    return function


def dtype_of(tensor):
    return keras.backend.standardize_dtype(tensor.dtype)


def test_dense_gradient_is_not_taken_apart():
    (gradient,) = tensors([[1.0, 2.0]])
    assert backend.as_rows(gradient) is None
    assert backend.to_dense(gradient) is gradient


@needs_sparse
def test_sparse_gradient_is_taken_apart_and_rebuilt():
    rows, indices = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [2, 0, 2]
    gradient = sparse(rows, indices, 4)
    taken_apart = backend.as_rows(gradient)
    np.testing.assert_array_equal(array(taken_apart.values), rows)
    np.testing.assert_array_equal(array(taken_apart.indices), indices)
    again = taken_apart.rebuild(2 * taken_apart.values)
    assert type(again) is type(gradient)
    np.testing.assert_array_equal(array(again), 2 * dense(rows, indices, 4))


@needs_sparse
def test_to_dense_sums_duplicate_rows():
    rows, indices = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [2, 0, 2]
    result = backend.to_dense(sparse(rows, indices, 4))
    assert backend.as_rows(result) is None
    np.testing.assert_array_equal(array(result), dense(rows, indices, 4))


REDUCTIONS = {
    "sums_of_squares": lambda value: (value.astype("float64") ** 2).sum(),
}


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions_of_any_shape(name):
    function, expected = getattr(backend, name), [REDUCTIONS[name](v) for v in values()]
    for run in (function, compiled(function)):
        result = run(tensors(values()))
        assert dtype_of(result) == "float32"
        np.testing.assert_allclose(array(result), expected, rtol=1e-5)


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions_count_what_is_missing_as_zero(name):
    function = getattr(backend, name)
    first, second = values(shapes=[(3,), (2, 2)])
    result = array(function([None, *tensors([first]), None, *tensors([second])]))
    expected = [0.0, REDUCTIONS[name](first), 0.0, REDUCTIONS[name](second)]
    np.testing.assert_allclose(result, expected, rtol=1e-5)
    nothing = function([None, None])
    assert dtype_of(nothing) == "float32"
    np.testing.assert_array_equal(array(nothing), [0.0, 0.0])


@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_reductions_are_float32(name, dtype):
    if dtype == "float64" and BACKEND == "jax":
        pytest.skip("JAX has no float64 by default")
    # Its square is beyond float16.
    result = getattr(backend, name)(tensors([[512.0, -512.0]], dtype))
    assert dtype_of(result) == "float32"
    expected = REDUCTIONS[name](np.array([512.0, -512.0]))
    np.testing.assert_allclose(array(result), [expected], rtol=1e-6)


@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_reductions_keep_what_is_not_finite_apart(name, bad):
    result = array(getattr(backend, name)(tensors([[1.0, bad], [3.0]])))
    assert not np.isfinite(result[0])
    assert np.isfinite(result[1])


def test_sums_of_squares_take_keras_variables():
    # An optimizer hands over its variables as the weights.
    weight = variable("v/kernel", [3.0, 4.0])
    np.testing.assert_allclose(array(backend.sums_of_squares([weight])), [25.0])


@pytest.mark.skipif(BACKEND != "tensorflow", reason="only there XLA is told apart")
def test_xla_sums_the_same_whatever_the_columns():
    # Sizes with many, few and no columns in common with 256.
    some = values(shapes=[(64, 256), (48, 16), (7, 5), (3,), (), (0, 4)])
    sums = compiled(backend.sums_of_squares)(tensors(some))
    expected = [(v.astype("float64") ** 2).sum() for v in some]
    np.testing.assert_allclose(array(sums), expected, rtol=1e-5)


@pytest.mark.parametrize("bound", [2.0, 2.5, 3.0])
def test_what_has_an_element_beyond_the_bound_was_bounded(bound):
    some = [None, *tensors([[1.0, -2.5], [[3.0], [0.0]], [0.5]]), None]

    def were_bounded(present, bound):
        every = [None, *present, None]
        within = [None, *backend.clip_elements(present, bound), None]
        sums = map(backend.sums_of_squares, (every, within))
        return backend.were_bounded(every, bound, *sums)

    expected = [False, bound < 2.5, bound < 3.0, False, False]
    for run in (were_bounded, compiled(were_bounded)):
        for given in (bound, tensors([bound])[0]):
            np.testing.assert_array_equal(array(run(some[1:-1], given)), expected)


def test_nothing_is_bounded_where_nothing_is():
    nothing = backend.sums_of_squares([None, None])
    result = backend.were_bounded([None, None], 1.0, nothing, nothing)
    np.testing.assert_array_equal(array(result), [False, False])


def numpy_unit_norms(value, axes):
    # An empty tuple of axes sums nothing.
    squares = value.astype("float64") ** 2
    return np.sqrt(squares.sum(axis=axes) if axes else squares).ravel()


@pytest.mark.parametrize("axes", [(), (0,), (1,), (0, 1), (0, 2), (0, 1, 2)])
def test_unit_norms(axes):
    def norms(tensors):
        return backend.unit_norms(tensors, [axes])

    (value,) = values(shapes=[(2, 3, 4)])
    for run in (norms, compiled(norms)):
        result = run(tensors([value]))
        assert dtype_of(result) == "float32"
        np.testing.assert_allclose(array(result), numpy_unit_norms(value, axes), 1e-5)


def test_unit_norms_stand_side_by_side_in_the_order_of_the_tensors():
    axes = [(), (0,), (0,), (0, 2)]
    expected = [numpy_unit_norms(v, a) for v, a in zip(values(), axes)]
    result = backend.unit_norms(tensors(values()), axes)
    np.testing.assert_allclose(array(result), np.concatenate(expected), rtol=1e-5)


@pytest.mark.parametrize("axes", [(), (0,)])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_unit_norms_of_half_precision_are_float32(axes, dtype):
    result = backend.unit_norms(tensors([[512.0]], dtype), [axes])
    assert dtype_of(result) == "float32"
    np.testing.assert_array_equal(array(result), [512.0])


@pytest.mark.parametrize("wrap", [lambda f: f, compiled], ids=["eager", "compiled"])
def test_elements_are_clipped(wrap):
    clip = wrap(lambda tensors, bound: backend.clip_elements(tensors, bound))
    for bound in (0.5, tensors([0.5])[0]):
        results = arrays(clip(tensors(values()), bound))
        for result, value in zip(results, values(), strict=True):
            np.testing.assert_array_equal(result, np.clip(value, -0.5, 0.5))


@pytest.mark.parametrize("shapes", [[(2, 3), (3,), ()], [(300, 300), (2, 3), (7,)]])
def test_what_is_clipped_together_is_measured_as_one(shapes):
    def clip(tensors, bound):
        return tuple(backend.clip_together(tensors, bound))

    some = values(shapes=shapes)
    largest = float(max(abs(v).max() for v in some))
    for bound, run in itertools.product((0.5, largest), (clip, compiled(clip))):
        for given in (bound, tensors([bound])[0]):
            within, before, after, exceeds = run(tensors(some), given)
            expected = [np.clip(v, -bound, bound) for v in some]
            for result, value in zip(arrays(within), expected, strict=True):
                np.testing.assert_array_equal(result, value)
            for result, all_ in ((before, some), (after, expected)):
                whole = sum((v.astype("float64") ** 2).sum() for v in all_)
                np.testing.assert_allclose(array(result), whole, rtol=1e-4)
            # The bound itself is inside.
            assert bool(array(exceeds)) == (bound < largest)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_clipped_together_shows_what_was_not_finite(bad):
    before = backend.clip_together(tensors([[1.0, bad], [3.0]]), 0.5).before
    assert not np.isfinite(array(before))


@pytest.mark.skipif(BACKEND == "jax", reason="JAX has no float64 by default")
def test_what_is_clipped_together_keeps_float64():
    third = np.array([1 / 3], "float64")
    given = keras.ops.convert_to_tensor(third, dtype="float64")
    (result,) = backend.clip_together([given], 0.5).values
    np.testing.assert_array_equal(array(result), third)


def test_clipped_elements_keep_their_dtype_and_nan():
    (wide,) = tensors([[-2.0, 0.25, np.nan]], "float32")
    (result,) = backend.clip_elements([wide], 0.5)
    assert dtype_of(result) == "float32"
    np.testing.assert_array_equal(array(result), [-0.5, 0.25, np.nan])
    if BACKEND != "jax":
        (result,) = backend.clip_elements(tensors([[2.0]], "float64"), 0.5)
        assert dtype_of(result) == "float64"
