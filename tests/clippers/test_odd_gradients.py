"""Zero, broken, missing, half and sparse gradients, for every rule and scope."""

import functools

import keras
import numpy as np
import pytest
from helpers.cases import clip_all, compiled_step, every_case, most_cases, of, step_of
from helpers.stepping import (
    HAS_SPARSE,
    SHAPES,
    Step,
    array,
    arrays,
    dense,
    random_gradients,
    same_states,
    sparse,
    tensors,
    trace,
    variable,
)
from keras import ops
from rules import CASES, RULES

from keras_gradclip import AutoClip, Chain, ClipByValue, optimizers


@most_cases
def test_zero_gradients_leave_no_trace(name, scope):
    first, second, third = random_gradients(3)
    nothing = [np.zeros_like(g) for g in first]
    step = compiled_step(name, scope)
    with_zeros = clip_all(step, [nothing, first, nothing, second, third])
    without = clip_all(step, [first, second, third])
    same_states(with_zeros.state, without.state)
    for a, b in zip(with_zeros.gradients[4], without.gradients[2]):
        np.testing.assert_array_equal(a, b)
    for row in (0, 2):
        np.testing.assert_array_equal(with_zeros.scales[row], 1.0)
        for g in with_zeros.gradients[row]:
            np.testing.assert_array_equal(g, 0.0)


@pytest.mark.parametrize(
    ("name", "scope"), [case for case in CASES if case[1] in ("layer", "variable")]
)
def test_zero_gradient_of_one_group_leaves_its_history_alone(name, scope):
    steps = random_gradients(4)
    steps[-1][2:] = [np.zeros_like(g) for g in steps[-1][2:]]
    done = clip_all(compiled_step(name, scope), steps)
    head = slice(1, None) if scope == "layer" else slice(2, None)
    changed = False
    for key in done.state:
        before, after = done.states[-2][key], done.states[-1][key]
        number = key.rpartition("_")[2]
        if number.isdigit():  # what is remembered of one variable
            head = slice(None) if int(number) >= 2 else slice(0)
        elif len(before) == len(SHAPES):
            head = slice(2, None)
        np.testing.assert_array_equal(after[head], before[head])
        changed |= bool((after[0] != before[0]).any())
    assert changed == bool(done.state)


@pytest.mark.parametrize("bad", [np.nan, -np.inf])
@most_cases
def test_broken_step_is_dropped_and_forgotten(name, scope, bad):
    first, broken, second = random_gradients(3)
    broken[1][0] = bad
    step = compiled_step(name, scope)
    done = clip_all(step, [first, broken, second])
    for gradient in done.gradients[1]:
        np.testing.assert_array_equal(gradient, 0.0)
    # The second link of a chain sees zeros, which it leaves alone.
    first_link = slice(len(of(done.scales[1], scope)))
    np.testing.assert_array_equal(done.scales[1][first_link], 0.0)
    same_states(done.states[1], done.states[0])
    without = clip_all(step, [first, second])
    for a, b in zip(done.gradients[2], without.gradients[1]):
        np.testing.assert_array_equal(a, b)


@most_cases
def test_broken_step_can_be_propagated(name, scope):
    first, broken = random_gradients(2)
    broken[1][:] = np.nan, np.inf
    done = clip_all(step_of(name, scope, on_nonfinite="propagate"), [first, broken])
    for before, after in zip(broken, done.gradients[1]):
        np.testing.assert_array_equal(after, before)
    same_states(done.states[1], done.states[0])


@most_cases
def test_broken_first_step_leaves_the_state_initial(name, scope):
    broken = [np.full(shape, np.nan) for shape in SHAPES.values()]
    step = compiled_step(name, scope)
    done = clip_all(step, [broken])
    initial = step.initial_state()
    assert set(done.state) == set(initial)
    for key, value in initial.items():
        np.testing.assert_array_equal(done.state[key], array(value), err_msg=key)


@most_cases
def test_excluded_variables_are_neither_measured_nor_scaled(name, scope):
    steps = random_gradients(4)
    step = step_of(name, scope, exclude="head/kernel")
    done = clip_all(step, steps)
    louder = [[a, b, 100 * c, d] for a, b, c, d in steps]
    again = clip_all(step, louder)
    np.testing.assert_array_equal(again.norms, done.norms)
    same_states(again.state, done.state)
    for before, after, scales in zip(louder, again.gradients, again.scales):
        is_skipped = RULES[name].skips and not scales.any()
        np.testing.assert_array_equal(after[2], before[2] * (not is_skipped))
    assert (done.scales < 1).any()


@most_cases
def test_broken_gradient_of_an_excluded_variable_drops_the_step(name, scope):
    first, broken = random_gradients(2)
    broken[3][0] = np.nan
    done = clip_all(step_of(name, scope, exclude="head/bias"), [first, broken])
    for gradient in done.gradients[1]:
        np.testing.assert_array_equal(gradient, 0.0)
    same_states(done.states[1], done.states[0])


@pytest.mark.parametrize(("dtype", "rtol"), [("float16", 1e-3), ("bfloat16", 8e-3)])
@most_cases
def test_half_precision_gradients_are_measured_in_float32(name, scope, dtype, rtol):
    # Squares of these overflow float16, and those of the last step vanish.
    steps = [
        [factor * np.ones(shape) for shape in SHAPES.values()]
        for factor in (300.0, 1000.0, 2e-5)
    ]
    halves = [tensors(gradients, dtype) for gradients in steps]
    step = step_of(name, scope)
    result, _, _ = step(halves[0], step.initial_state(), 0)
    assert [keras.backend.standardize_dtype(g.dtype) for g in result] == [dtype] * 4
    done = trace(step, halves)
    wide = trace(step, [[ops.cast(g, "float32") for g in half] for half in halves])
    np.testing.assert_allclose(done.norms[0], wide.norms[0], rtol=1e-6)
    np.testing.assert_allclose(done.scales[0], wide.scales[0], rtol=1e-6)
    for a, b in zip(done.gradients, wide.gradients):
        for x, y in zip(a, b):
            np.testing.assert_allclose(x, y, rtol=rtol, atol=1e-7)


@most_cases
def test_missing_gradient_counts_as_zero_and_stays_missing(name, scope):
    step, gradients = step_of(name, scope), random_gradients(1)[0]
    zeros = [gradients[0], np.zeros_like(gradients[1]), *gradients[2:]]
    missing = [gradients[0], None, *gradients[2:]]
    start = step.initial_state()
    clipped, state, record = step(tensors(missing), start, 0)
    expected, expected_state, expected_record = step(tensors(zeros), start, 0)
    assert clipped[1] is None
    rtol = RULES[name].last_bit
    for i in (0, 2, 3):
        np.testing.assert_allclose(array(clipped[i]), array(expected[i]), rtol=rtol)
    for a, b in zip(arrays(record), arrays(expected_record)):
        np.testing.assert_allclose(a, b, rtol=rtol)
    for key, value in expected_state.items():
        np.testing.assert_array_equal(array(state[key]), array(value))


EMBEDDING = (5, 3)
INDICES = [3, 1, 3, 0]


@functools.cache
def with_embedding():
    generator = np.random.default_rng(3)
    return (
        variable("embedding/embeddings", generator.normal(size=EMBEDDING)),
        variable("dense/kernel", generator.normal(size=(3, 2))),
    )


@pytest.mark.skipif(not HAS_SPARSE, reason="torch has no sparse gradients in Keras")
@pytest.mark.parametrize("dtype", ["float32", "float16"])
@most_cases
def test_sparse_gradients_are_clipped_like_dense_ones(name, scope, dtype):
    step = Step(RULES[name].make("tight", scope=scope), with_embedding())
    generator = np.random.default_rng(4)
    rows = generator.integers(-40, 40, size=(3, len(INDICES), 3)) / 8
    kernels = generator.normal(size=(3, 3, 2))
    as_sparse, as_dense = [], []
    for row, kernel in zip(rows, kernels):
        kernel = tensors([kernel])[0]
        as_sparse.append([sparse(row, INDICES, 5, dtype), kernel])
        as_dense.append([*tensors([dense(row, INDICES, 5)]), kernel])
    done, expected = trace(step, as_sparse), trace(step, as_dense)
    rtol = 1e-5 if dtype == "float32" else 2e-3
    np.testing.assert_allclose(done.norms[:, 0], expected.norms[:, 0], rtol=1e-5)
    # The second link of a chain measures what the first has rounded.
    np.testing.assert_allclose(done.norms, expected.norms, rtol=rtol)
    np.testing.assert_allclose(done.scales, expected.scales, rtol=max(rtol, 1e-4))
    for a, b in zip(done.gradients, expected.gradients):
        np.testing.assert_allclose(a[0], b[0], rtol=rtol, atol=2 * rtol)
        np.testing.assert_allclose(a[1], b[1], rtol=rtol)
    assert (done.scales < 1).any()


@pytest.mark.skipif(not HAS_SPARSE, reason="torch has no sparse gradients in Keras")
@most_cases
def test_broken_sparse_gradients_are_dropped(name, scope):
    step = Step(RULES[name].make("tight", scope=scope), with_embedding())
    good = np.ones((4, 3))
    broken = good.copy()
    broken[2, 1] = np.nan
    (kernel,) = tensors([np.ones((3, 2))])
    steps = [[sparse(rows, INDICES, 5), kernel] for rows in (good, broken)]
    done = trace(step, steps)
    for gradient in done.gradients[1]:
        np.testing.assert_array_equal(gradient, 0.0)
    same_states(done.states[1], done.states[0])


@pytest.mark.parametrize("on_nonfinite", ["zero", "propagate"])
@every_case
def test_gradients_may_be_numpy_arrays(name, scope, on_nonfinite):
    first, broken = random_gradients(2)
    broken[1][0] = np.nan
    step = step_of(name, scope, on_nonfinite=on_nonfinite)
    expected = clip_all(step, [first, broken])
    done = trace(step, [[g.astype("float32") for g in gs] for gs in (first, broken)])
    same_states(done.state, expected.state)
    for a, b in zip(done.gradients, expected.gradients):
        for x, y in zip(a, b):
            np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("clipper", [AutoClip(), ClipByValue(1.0), Chain(["adagc"])])
def test_complex_variables_are_refused(clipper):
    complex_one = keras.Variable(np.ones(2, "complex64"), dtype="complex64", name="c")
    with pytest.raises(ValueError, match=r"must not be complex.*\['c'\]"):
        optimizers.SGD(clipper=clipper).build([complex_one])
