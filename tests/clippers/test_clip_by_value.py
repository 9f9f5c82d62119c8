"""`ClipByValue` against Keras, optax and plain NumPy."""

import keras
import numpy as np
import pytest
from helpers.stepping import (
    COMPILED,
    HAS_SPARSE,
    MODES,
    Step,
    dense,
    piece_norms,
    random_gradients,
    run,
    sparse,
    tensors,
    trace,
    variable,
    variables,
)

from keras_gradclip import ClipByValue


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("scope", ["global", "layer", "variable"])
def test_equals_numpy(scope, mode):
    steps = random_gradients(4)
    step = Step(ClipByValue(0.5, scope=scope), variables(), mode)
    done = trace(step, [tensors(gradients) for gradients in steps])
    for t, (before, after) in enumerate(zip(steps, done.gradients)):
        expected = [np.clip(g, -0.5, 0.5) for g in before]
        for a, b in zip(after, expected):
            np.testing.assert_array_equal(a, b)
        norms, left = piece_norms(scope, before), piece_norms(scope, expected)
        np.testing.assert_allclose(done.norms[t], norms, rtol=1e-5)
        np.testing.assert_allclose(done.thresholds[t], left, rtol=1e-4)
        np.testing.assert_allclose(done.scales[t], left / norms, rtol=1e-4)


def test_equals_keras_and_optax():
    optax = pytest.importorskip("optax")
    transform = optax.clip(0.3)
    for gradients in random_gradients(3):
        weights = [keras.Variable(np.zeros(g.shape, "float32")) for g in gradients]
        optimizer = keras.optimizers.SGD(1.0, clipvalue=0.3)
        optimizer.apply(tensors(gradients), weights)
        of_optax, _ = transform.update(gradients, transform.init(gradients))
        step = Step(ClipByValue(0.3), variables())
        done = trace(step, [tensors(gradients)])
        for ours, weight, theirs in zip(done.gradients[0], weights, of_optax):
            np.testing.assert_allclose(ours, -keras.ops.convert_to_numpy(weight))
            np.testing.assert_allclose(ours, np.asarray(theirs))


@pytest.mark.parametrize("mode", MODES)
def test_bound_that_is_not_reached_is_recorded_as_such(mode):
    # A difference of squares, rounded twice, may come out below 0.
    done = run(ClipByValue(1e9), [14643.1, 3.3, 0.7], mode)
    np.testing.assert_array_equal(done.scales, 1.0)
    np.testing.assert_array_equal(done.thresholds, done.norms)


@pytest.mark.parametrize("mode", [MODES[0], COMPILED])
def test_strong_clipping_is_recorded_exactly(mode):
    # Of [0.6, 0.8] * 1e5 both elements go to 1.
    done = run(ClipByValue(1.0), [1e5], mode)
    np.testing.assert_allclose(done.thresholds, [[2**0.5]], rtol=1e-4)
    np.testing.assert_allclose(done.scales, [[2**0.5 / 1e5]], rtol=1e-4)


def test_bound_below_the_range_of_float16():
    # In float16 the bound would be 0, and so the sign would be lost.
    step = Step(ClipByValue(1e-9), [variable("v/kernel", [0.0, 0.0])])
    done = trace(step, [tensors([[300.0, -400.0]], "float16")])
    np.testing.assert_allclose(done.gradients[0][0], [0.0, 0.0], atol=1e-7)
    np.testing.assert_allclose(done.norms, [[500.0]])


def test_infinite_elements_are_not_clipped_to_the_bound():
    done = run(ClipByValue(1.0, on_nonfinite="propagate"), [np.inf])
    np.testing.assert_array_equal(done.gradients[0][0], [np.inf, np.inf])
    done = run(ClipByValue(1.0), [np.inf])
    np.testing.assert_array_equal(done.gradients[0][0], [0.0, 0.0])


@pytest.mark.skipif(not HAS_SPARSE, reason="torch has no sparse gradients in Keras")
@pytest.mark.parametrize("mode", MODES)
def test_bound_holds_for_the_sum_of_duplicate_rows(mode):
    rows, indices = [[0.8, -0.8], [2.0, 0.1], [0.9, 0.5]], [1, 0, 1]
    step = Step(ClipByValue(1.0), [variable("e/embeddings", np.zeros((3, 2)))], mode)
    done = trace(step, [[sparse(rows, indices, 3)]])
    expected = np.clip(dense(rows, indices, 3), -1.0, 1.0)
    np.testing.assert_allclose(done.gradients[0][0], expected, rtol=1e-6)
    np.testing.assert_allclose(done.thresholds, [[np.linalg.norm(expected)]], rtol=1e-5)
