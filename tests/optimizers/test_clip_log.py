"""The log of the last updates: a ring of rows."""

import keras
import numpy as np
import pytest
from helpers.stepping import array, tensors

from keras_gradclip.clippers.base import Record
from keras_gradclip.optimizers.clip_log import ClipLog, log_length_for

GROUPS = 2


def made_log(length=None, groups=GROUPS):
    names = []

    def add_variable(name, value):
        names.append(name)
        return keras.Variable(value, trainable=False, name=name)

    log = ClipLog(groups, add_variable)
    if length is not None:
        log.length = length
        log.variable = keras.Variable(
            np.zeros((length, log.variable.shape[1]), "float32"), trainable=False
        )
    assert names == ["log"]
    return log


def written(step):
    """What the tests write in a step: all numbers tell step and column."""
    return {
        "norm": [step + 0.1, step + 0.2],
        "threshold": [step + 0.3, step + 0.4],
        "scale": [step + 0.5, step + 0.6],
        "grad_norm": step + 0.7,
        "grad_norm_clipped": step + 0.8,
    }


def write(log, step, **changed):
    values = tensors([*{**written(step), **changed}.values()])
    finite = keras.ops.convert_to_tensor(True)
    log.write(Record(*values, finite), keras.ops.convert_to_tensor(step, "int32"))


def assert_history(history, steps):
    assert history.pop("step").tolist() == steps
    for name, values in history.items():
        expected = np.reshape([written(step)[name] for step in steps], values.shape)
        np.testing.assert_allclose(values, expected, rtol=1e-6, err_msg=name)


@pytest.mark.parametrize(
    ("groups", "length"), [(1, 1024), (21, 1024), (40, 546), (341, 64), (10**6, 64)]
)
def test_more_groups_have_a_shorter_log(groups, length):
    assert log_length_for(groups) == length


def test_the_log_is_one_float32_variable_of_a_row_a_step():
    log = made_log()
    assert tuple(log.variable.shape) == (log.length, 3 * GROUPS + 2)
    assert keras.backend.standardize_dtype(log.variable.dtype) == "float32"


@pytest.mark.parametrize("steps", [0, 1, 3, 5, 6, 12, 13])
def test_the_history_is_of_the_last_steps(steps):
    log = made_log(length=5)
    for step in range(steps):
        write(log, step)
    assert_history(log.history(0, steps), list(range(steps))[-5:])


@pytest.mark.parametrize(
    ("since", "until", "steps"),
    [(10, 12, [10, 11]), (12, 12, []), (3, 12, [7, 8, 9, 10, 11]), (20, 12, [])],
)
def test_the_history_since_a_step(since, until, steps):
    log = made_log(length=5)
    for step in range(12):
        write(log, step)
    assert_history(log.history(since, until), steps)


def test_columns_have_their_shapes_even_if_there_are_none():
    history = made_log().history(0, 0)
    assert {name: values.shape for name, values in history.items()} == {
        "step": (0,),
        "grad_norm": (0,),
        "grad_norm_clipped": (0,),
        "norm": (0, GROUPS),
        "threshold": (0, GROUPS),
        "scale": (0, GROUPS),
    }


def test_rows_that_were_never_written_are_left_out():
    # As after a file that was saved without a clipper: steps there were.
    log = made_log()
    write(log, 7)
    assert_history(log.history(0, 8), [7])


def test_a_broken_step_shows_as_inf_and_its_scales_as_they_were():
    log = made_log()
    nan = float("nan")
    write(log, 0, norm=[nan, 1.0], threshold=[nan, 2.0], grad_norm=nan, scale=[0, 0])
    history = log.history(0, 1)
    np.testing.assert_array_equal(history["norm"], [[np.inf, 1.0]])
    np.testing.assert_array_equal(history["threshold"], [[np.inf, 2.0]])
    np.testing.assert_array_equal(history["grad_norm"], [np.inf])
    np.testing.assert_array_equal(history["scale"], [[0.0, 0.0]])


def test_the_last_row_is_read_on_the_device():
    log = made_log(length=5)
    for step in range(8):
        write(log, step)
        last = log.last(keras.ops.convert_to_tensor(step + 1, "int32"))
        assert set(last) == set(written(step))
        for name, value in written(step).items():
            np.testing.assert_allclose(array(last[name]), value, rtol=1e-6)


def test_steps_beyond_an_int32_have_their_row():
    if keras.backend.backend() == "jax":
        pytest.skip("JAX counts in int32 by default")
    log = made_log(length=5)
    step = 2**33 + 1
    (values,) = tensors([[1.0, 2.0]])
    one = keras.ops.ones(())
    record = Record(values, values, values, one, one, one > 0)
    log.write(record, keras.ops.convert_to_tensor(step, "int64"))
    rows = np.flatnonzero(array(log.variable).any(axis=1))
    assert rows.tolist() == [step % 5]
