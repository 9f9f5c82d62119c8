"""What the active backend's module does with histories and variables."""

import keras
import numpy as np
import pytest
from helpers.stepping import BACKEND, array
from keras import ops

from keras_gradclip._backend import backend

RANDOM = np.random.default_rng(0)
TABLE = RANDOM.normal(size=(3, 4)).astype("float32")
OTHER = RANDOM.normal(size=(3, 4)).astype("float32")


def tensor(value):
    return ops.convert_to_tensor(np.asarray(value))


def made(value, dtype="float32"):
    return keras.Variable(np.asarray(value, dtype), trainable=False, dtype=dtype)


@pytest.mark.parametrize("sizes", [[3], [1, 2], [2, 0, 1], [0, 3]])
def test_split_cuts_a_row_into_pieces(sizes):
    pieces = backend.split(tensor([1.0, 2.0, 3.0]), sizes)
    ends = np.cumsum(sizes)[:-1]
    expected = np.split([1.0, 2.0, 3.0], ends)
    for piece, value in zip(pieces, expected, strict=True):
        np.testing.assert_array_equal(array(piece), value)


@pytest.mark.parametrize("shape", [(3,), (3, 4), (3, 2, 2)])
@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_keep_chooses_rows(shape, dtype):
    new, old = np.ones(shape, dtype), np.zeros(shape, dtype)
    result = backend.keep(tensor([True, False, True]), tensor(new), tensor(old))
    assert keras.backend.standardize_dtype(result.dtype) == dtype
    np.testing.assert_array_equal(array(result)[[0, 2]], new[[0, 2]])
    np.testing.assert_array_equal(array(result)[1], old[1])


def test_kept_rows_come_without_a_trace_of_a_nan():
    new = np.full((2, 3), np.nan, "float32")
    old = np.ones((2, 3), "float32")
    result = backend.keep(tensor([False, False]), tensor(new), tensor(old))
    np.testing.assert_array_equal(array(result), old)


def test_shift_moves_the_columns_by_one():
    right = array(backend.shift(tensor(TABLE), 1, -np.inf))
    np.testing.assert_array_equal(right[:, 1:], TABLE[:, :-1])
    np.testing.assert_array_equal(right[:, 0], -np.inf)
    left = array(backend.shift(tensor(TABLE), -1, np.inf))
    np.testing.assert_array_equal(left[:, :-1], TABLE[:, 1:])
    np.testing.assert_array_equal(left[:, -1], np.inf)


def test_count_at_most():
    ascending = np.array([[0, 1, 1, 4, 9], [2, 2, 2, 2, 2]], backend.COUNT_DTYPE)
    wanted = np.array([[0, 1, 9], [1, 2, 3]], backend.COUNT_DTYPE)
    expected = (ascending[:, None] <= wanted[..., None]).sum(axis=-1)
    result = backend.count_at_most(tensor(ascending), tensor(wanted))
    np.testing.assert_array_equal(array(result), expected)


@pytest.mark.parametrize("name", ["COUNT_DTYPE", "POSITION_DTYPE"])
def test_counts_have_a_dtype_that_the_backend_keeps(name):
    dtype = getattr(backend, name)
    ones = tensor(np.ones(2, dtype))
    assert keras.backend.standardize_dtype((ones + ones).dtype) == dtype


def test_has_float64_tells_the_truth():
    ones = tensor(np.ones(2, "int32"))
    if not backend.has_float64(ones):
        assert BACKEND == "jax", "which has none by default"
        return
    third = array(ops.cast(ones, "float64") / 3)[0]
    assert third == np.float64(1) / 3


def test_a_constant_is_the_array():
    first, second = np.array([1.0, 2.0], "float32"), np.array([3.0], "float32")
    like = tensor(TABLE)
    for value in (first, second, first):
        result = ops.convert_to_tensor(backend.constant(value, like))
        np.testing.assert_array_equal(array(result), value)
    if BACKEND == "torch":
        assert backend.constant(first, like) is backend.constant(first, like)


@pytest.mark.parametrize("name", ["read", "copy"])
@pytest.mark.parametrize("is_compiled", [False, True])
def test_what_was_read_is_the_value_before_a_later_assignment(name, is_compiled):
    variable = made([1.0, 2.0])

    def step():
        before = getattr(backend, name)(variable)
        variable.assign(variable + 10.0)
        return before + 0.0

    if BACKEND == "torch" and name == "read":
        pytest.skip("an assignment writes to what was read; hence `copy`")
    if is_compiled:
        if BACKEND != "tensorflow":
            pytest.skip("only there a step that assigns is compiled as it is")
        import tensorflow as tf

        step = tf.function(step)
    np.testing.assert_array_equal(array(step()), [1.0, 2.0])
    np.testing.assert_array_equal(array(variable), [11.0, 12.0])


def test_copies_are_no_part_of_a_graph():
    variable = keras.Variable([1.0, 2.0])
    copied = backend.copy(variable)
    if BACKEND == "torch":
        assert variable.value.requires_grad
        assert not copied.requires_grad
    np.testing.assert_array_equal(array(copied), [1.0, 2.0])


def test_assign_replaces_the_value_in_every_scope():
    variable = made(TABLE)
    backend.assign(variable, tensor(TABLE + 1.0))
    np.testing.assert_array_equal(array(variable), TABLE + 1.0)
    with keras.StatelessScope(state_mapping=[(variable, tensor(TABLE))]) as scope:
        np.testing.assert_array_equal(array(backend.read(variable)), TABLE)
        backend.assign(variable, tensor(TABLE + 2.0))
        np.testing.assert_array_equal(array(backend.read(variable)), TABLE + 2.0)
    value = scope.get_current_value(variable)
    np.testing.assert_array_equal(array(value), TABLE + 2.0)
    np.testing.assert_array_equal(array(variable), TABLE + 1.0)


@pytest.mark.parametrize("row", [0, 1, 2])
def test_write_row_replaces_one_row(row):
    variable = made(TABLE)
    values = np.arange(4, dtype="float32")
    backend.write_row(variable, ops.convert_to_tensor(row, "int32"), tensor(values))
    expected = TABLE.copy()
    expected[row] = values
    np.testing.assert_array_equal(array(variable), expected)


def test_write_row_in_a_compiled_step():
    variable, values = made(TABLE), np.arange(4, dtype="float32")
    row = ops.convert_to_tensor(2, "int32")
    if BACKEND == "tensorflow":
        import tensorflow as tf

        @tf.function(jit_compile=True)
        def write(row, values):
            backend.write_row(variable, row, values)

        write(row, tensor(values))
        result = array(variable)
    elif BACKEND == "jax":
        import jax

        def write(value, row, values):
            with keras.StatelessScope(state_mapping=[(variable, value)]) as scope:
                backend.write_row(variable, row, values)
            return scope.get_current_value(variable)

        result = array(jax.jit(write)(tensor(TABLE), row, tensor(values)))
    else:
        pytest.skip("torch does not compile here")
    np.testing.assert_array_equal(result, [*TABLE[:2], values])


@pytest.mark.parametrize("kept", [True, False])
def test_restore_unless(kept):
    variables = [made(TABLE), made(5, "int32")]
    before = [backend.copy(variable) for variable in variables]
    variables[0].assign(OTHER)
    variables[1].assign(6)
    backend.restore_unless(tensor(kept), variables, before)
    np.testing.assert_array_equal(array(variables[0]), OTHER if kept else TABLE)
    assert array(variables[1]) == (6 if kept else 5)


def test_restoring_leaves_no_trace_of_a_nan():
    variable = made(TABLE)
    before = [backend.copy(variable)]
    variable.assign(np.full_like(TABLE, np.nan))
    backend.restore_unless(tensor(False), [variable], before)
    np.testing.assert_array_equal(array(variable), TABLE)


def test_there_is_one_replica_outside_a_strategy():
    assert backend.replicas_to_sum() == 1
