"""`ClipByNorm` against Keras, optax and plain NumPy."""

import keras
import numpy as np
import pytest
from helpers.stepping import (
    MODES,
    Step,
    pieces,
    random_gradients,
    run,
    tensors,
    trace,
    variable,
    variables,
)
from rules import ALL_SCOPES

from keras_gradclip import ClipByNorm

# Of optax's own tests; the joint norm is 583.12433.
UPDATES = [np.array([500.0, 5.0]), np.array([300.0, 3.0])]


def clip(clipper, gradients):
    weights = [
        variable(f"v{i}/kernel", np.zeros_like(g)) for i, g in enumerate(gradients)
    ]
    return trace(Step(clipper, weights), [tensors(gradients)])


def keras_clip(gradients, **arguments):
    """What Keras clips to: the step of plain gradient descent from 0."""
    weights = [keras.Variable(np.zeros(g.shape, "float32")) for g in gradients]
    keras.optimizers.SGD(1.0, **arguments).apply(tensors(gradients), weights)
    return [-keras.ops.convert_to_numpy(w) for w in weights]


def test_known_answer_at_scope_global():
    done = clip(ClipByNorm(1.0), UPDATES)
    first, second = done.gradients[0]
    np.testing.assert_allclose(first, [0.8574501, 0.0085745], rtol=1e-5)
    np.testing.assert_allclose(second, [0.51447, 0.0051447], rtol=1e-5)
    np.testing.assert_allclose(done.norms, [[583.12433]], rtol=1e-6)
    np.testing.assert_allclose(done.thresholds, [[1.0]])
    np.testing.assert_allclose(done.scales, [[1 / 583.12433]], rtol=1e-6)


def test_known_answer_at_scope_variable():
    done = clip(ClipByNorm(1.0, scope="variable"), UPDATES)
    first, second = done.gradients[0]
    np.testing.assert_allclose(first, [0.99995, 0.0099995], rtol=1e-5)
    np.testing.assert_allclose(second, [0.9999499, 0.0099995], rtol=1e-5)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("scope", ALL_SCOPES)
def test_equals_numpy(scope, mode):
    steps = random_gradients(4)
    step = Step(ClipByNorm(2.0, scope=scope), variables(), mode)
    done = trace(step, [tensors(gradients) for gradients in steps])
    for before, after in zip(steps, done.gradients):
        for b, a in zip(pieces(scope, before), pieces(scope, after)):
            expected = b * min(1.0, 2.0 / np.linalg.norm(b))
            np.testing.assert_allclose(a, expected, rtol=1e-5)


@pytest.mark.parametrize("max_norm", [0.02, 1.0, 50.0, 1e4])
@pytest.mark.parametrize(
    ("scope", "argument"), [("global", "global_clipnorm"), ("variable", "clipnorm")]
)
def test_equals_keras(scope, argument, max_norm):
    for gradients in [UPDATES, *random_gradients(2)]:
        done = clip(ClipByNorm(max_norm, scope=scope), gradients)
        expected = keras_clip(gradients, **{argument: max_norm})
        for a, b in zip(done.gradients[0], expected):
            np.testing.assert_allclose(a, b, rtol=1e-5)


@pytest.mark.parametrize("inverse", [1, 2, 7, 50])
def test_equals_optax_at_scope_global(inverse):
    optax = pytest.importorskip("optax")
    transform = optax.clip_by_global_norm(1 / inverse)
    for gradients in [UPDATES, *random_gradients(2)]:
        done = clip(ClipByNorm(1 / inverse), gradients)
        gradients = [np.asarray(g, "float32") for g in gradients]
        expected, _ = transform.update(gradients, transform.init(gradients))
        for a, b in zip(done.gradients[0], expected):
            np.testing.assert_allclose(a, np.asarray(b), rtol=1e-5)


def test_equals_optax_block_rms_at_scope_variable():
    # The RMS of n numbers is their norm over the root of n.
    optax = pytest.importorskip("optax")
    transform = optax.clip_by_block_rms(1.0)
    gradients = [np.asarray(g, "float32") for g in UPDATES]
    expected, _ = transform.update(gradients, transform.init(gradients))
    done = clip(ClipByNorm(2**0.5, scope="variable"), gradients)
    for a, b in zip(done.gradients[0], expected):
        np.testing.assert_allclose(a, np.asarray(b), rtol=1e-5)


def test_norm_at_the_bound_is_left_alone():
    done = run(ClipByNorm(5.0), [5.0, 4.999])
    np.testing.assert_array_equal(done.scales, 1.0)


def test_float16_gradients_that_keras_loses():
    # Keras squares in float16: its clipnorm gives zeros, its global one NaN.
    step = Step(ClipByNorm(1.0), [variable("v/kernel", [0.0, 0.0])])
    done = trace(step, [tensors([[300.0, 400.0]], "float16")])
    np.testing.assert_allclose(done.norms, [[500.0]])
    np.testing.assert_allclose(done.gradients[0][0], [0.6, 0.8], rtol=1e-3)
