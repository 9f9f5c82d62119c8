"""Law 3: whatever the numbers, no NaN in gradients, history or log."""

import functools

import numpy as np
import pytest
from helpers.numpy_clipper import NumpyClipper
from helpers.stepping import (
    COMPILED,
    SHAPES,
    Step,
    random_gradients,
    same_states,
    tensors,
    trace,
    variables,
)
from rules import RULES

LAYERS = [0, 0, 1, 1]
FIRST = next(iter(SHAPES))


def with_value(gradients, value, everywhere=False):
    """The gradients with one number, or all of them, replaced."""
    changed = [g.copy() for g in gradients]
    for gradient in changed if everywhere else changed[:1]:
        gradient.flat[0] = value
    return changed


def scaled(gradients, factor):
    return [g * np.float32(factor) for g in gradients]


CALM = random_gradients(12)
ONE = CALM[5]

# What comes between six calm steps and six more.
HOSTILE = {
    "NaN in one group": [with_value(ONE, np.nan)],
    "inf in one group": [with_value(ONE, np.inf)],
    "-inf in one group": [with_value(ONE, -np.inf)],
    "NaN everywhere": [with_value(ONE, np.nan, everywhere=True)],
    "inf and NaN": [with_value(with_value(ONE, np.inf, everywhere=True), np.nan)],
    "NaN for 1000 steps": [with_value(ONE, np.nan)] * 1000,
    "zeros": [scaled(ONE, 0.0)] * 3,
    "a jump up by 1e6": [scaled(ONE, 1e6)],
    "a jump down by 1e6": [scaled(ONE, 1e-6)],
    "norms of 1e-8": [scaled(ONE, 1e-8)],
    "norms of 1e8": [scaled(ONE, 1e8)],
}
# Squares beyond float32: counted as 0 or as not finite.
EXTREME = {
    "norms of 1e-30": [scaled(ONE, 1e-30)],
    "norms of 1e30": [scaled(ONE, 1e30)],
    "the smallest and the largest float32": [
        with_value(scaled(ONE, 0.0), np.finfo("float32").tiny, everywhere=True),
        with_value(ONE, np.finfo("float32").max, everywhere=True),
    ],
}

every_rule = pytest.mark.parametrize("rule", RULES)


@functools.cache
def step_of(rule):
    scope = RULES[rule].scopes[1]
    return Step(RULES[rule].make("tight", scope=scope), variables(), COMPILED)


def assert_no_nan(done):
    for gradients in done.gradients:
        assert all(np.isfinite(g).all() for g in gradients)
    for state in done.states:
        assert not any(np.isnan(value).any() for value in state.values())
    measured = np.isfinite(done.norms)
    assert not np.isnan(done.thresholds[measured]).any()
    assert np.isfinite(done.scales).all()


def clip(rule, gradients, dtype="float32"):
    # Squares of these overflow in NumPy too, where a test makes tensors.
    with np.errstate(over="ignore"):
        return trace(step_of(rule), [tensors(g, dtype) for g in gradients])


@every_rule
@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("calm_steps", [6, 0])
def test_history_goes_on_as_numpy_says(rule, kind, calm_steps):
    if calm_steps == 0 and len(HOSTILE[kind]) > 10:
        pytest.skip("once is enough of a thousand steps")
    gradients = CALM[:calm_steps] + HOSTILE[kind] + CALM[6:]
    done = clip(rule, gradients)
    assert_no_nan(done)
    model = NumpyClipper(rule, RULES[rule].tight, RULES[rule].scopes[1], LAYERS)
    weights = [np.asarray(v, "float64") for v in variables()]
    for step, gradient in enumerate(gradients):
        expected = model([g.astype("float64") for g in gradient], weights)
        for ours, theirs in zip(done.gradients[step], expected.gradients):
            largest = np.abs(theirs).max()
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5 * largest)


@every_rule
@pytest.mark.parametrize("kind", EXTREME)
def test_numbers_beyond_float32_squares_leave_no_nan(rule, kind):
    done = clip(rule, CALM[:6] + EXTREME[kind] + CALM[6:])
    assert_no_nan(done)
    if kind == "norms of 1e30":
        same_states(done.states[6], done.states[5])
    # The steps after it are as if it had not been.
    calm = clip(rule, CALM)
    for step in range(1, 7):
        np.testing.assert_array_equal(done.thresholds[-step], calm.thresholds[-step])


@every_rule
def test_float16_overflow_is_a_broken_step(rule):
    largest = with_value(ONE, 6e4, everywhere=True)
    overflown = scaled(with_value(ONE, 1.0, everywhere=True), 1e5)
    done = clip(rule, [ONE, largest, overflown, ONE], "float16")
    assert_no_nan(done)
    assert np.isfinite(done.norms[1]).all(), "6e4 is a float16"
    assert all(not g.any() for g in done.gradients[2])
    same_states(done.states[2], done.states[1])
