"""`AGC` against optax, DreamerV3's formula and loops over units in NumPy."""

import keras
import numpy as np
import pytest
from helpers.stepping import (
    BACKEND,
    HAS_SPARSE,
    MODES,
    Step,
    dense,
    piece_norms,
    pieces,
    random_gradients,
    sparse,
    tensors,
    trace,
    variable,
    variables,
)

from keras_gradclip import AGC, AutoClip, Chain, unit_axes_of


def clip(clipper, weights, gradients, mode="eager"):
    """Clips one step; `weights` and `gradients` are dicts by path."""
    step = Step(clipper, [variable(p, w) for p, w in weights.items()], mode)
    return trace(step, [tensors([gradients[p] for p in weights])])


def normal(shape, seed):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def optax_clip(weight, gradient, clipping, eps=1e-3, **kwargs):
    optax = pytest.importorskip("optax")
    transform = optax.adaptive_grad_clip(clipping, eps, **kwargs)
    clipped, _ = transform.update(gradient, transform.init(weight), weight)
    return np.asarray(clipped)


@pytest.mark.parametrize("mode", MODES)
def test_known_answer(mode):
    weights = {"dense/kernel": [[1.0, 2.0], [2.0, -1.0], [-2.0, 2.0]]}
    gradients = {"dense/kernel": [[3.0, 0.01], [0.0, 0.02], [4.0, -0.02]]}
    done = clip(AGC(0.1), weights, gradients, mode)
    expected = [[0.18, 0.01], [0.0, 0.02], [0.24, -0.02]]
    np.testing.assert_allclose(done.gradients[0][0], expected, rtol=1e-6)


def test_each_output_of_a_kernel_with_one_input_is_a_unit():
    # Here optax and the paper's code see one vector, and clip to 0.2739 each.
    done = clip(
        AGC(0.1),
        {"dense/kernel": [[1.0, 2.0, 3.0, 4.0]]},
        {"dense/kernel": np.ones((1, 4))},
    )
    np.testing.assert_allclose(done.gradients[0][0], [[0.1, 0.2, 0.3, 0.4]], rtol=1e-6)


@pytest.mark.parametrize(
    "shape", [(3, 5), (3, 3, 2, 4), (2, 2, 2, 3, 4), (4,)], ids=str
)
@pytest.mark.parametrize("clip_factor", [0.01, 0.3])
def test_equals_optax(shape, clip_factor):
    path = "conv/bias" if len(shape) == 1 else "conv/kernel"
    weight, gradient = normal(shape, 1), normal(shape, 2)
    done = clip(AGC(clip_factor), {path: weight}, {path: gradient})
    expected = optax_clip(weight, gradient, clip_factor)
    np.testing.assert_allclose(done.gradients[0][0], expected, rtol=1e-5)
    assert not np.allclose(expected, gradient)


def test_conv1d_differs_from_optax_on_purpose():
    # A filter is one unit; optax takes each of its taps for one.
    weight, gradient = normal((4, 3, 5), 1), normal((4, 3, 5), 2)
    done = clip(AGC(0.1), {"conv1d/kernel": weight}, {"conv1d/kernel": gradient})
    ours = done.gradients[0][0]
    right = optax_clip(weight, gradient, 0.1, axis=(0, 1))
    np.testing.assert_allclose(ours, right, rtol=1e-5)
    assert not np.allclose(ours, optax_clip(weight, gradient, 0.1))


@pytest.mark.parametrize("epsilon", [1e-3, 0.5])
def test_zero_weights_count_as_epsilon(epsilon):
    weights = {"dense/kernel": np.zeros((3, 2))}
    gradients = {"dense/kernel": np.ones((3, 2))}
    done = clip(AGC(0.1, epsilon), weights, gradients)
    norms = np.linalg.norm(done.gradients[0][0], axis=0)
    np.testing.assert_allclose(norms, 0.1 * epsilon, rtol=1e-5)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("scope", ["unit", "variable", "layer", "global"])
def test_equals_numpy(scope, mode):
    steps = random_gradients(3)
    weights = [keras.ops.convert_to_numpy(v) for v in variables()]
    bounds = 0.05 * np.maximum(piece_norms(scope, weights), 1e-3)
    step = Step(AGC(0.05, scope=scope), variables(), mode)
    done = trace(step, [tensors(gradients) for gradients in steps])
    for t, (before, after) in enumerate(zip(steps, done.gradients)):
        parts = zip(pieces(scope, before), pieces(scope, after), bounds)
        for b, a, bound in parts:
            expected = b * min(1.0, bound / np.linalg.norm(b))
            np.testing.assert_allclose(a, expected, rtol=1e-5)
        if scope != "unit":
            np.testing.assert_allclose(done.thresholds[t], bounds, rtol=1e-5)


def test_scope_variable_is_dreamer_v3():
    weight, gradient = normal((3, 5), 3), 10 * normal((3, 5), 4)
    done = clip(
        AGC(0.3, scope="variable"), {"dense/kernel": weight}, {"dense/kernel": gradient}
    )
    upper = 0.3 * max(1e-3, np.linalg.norm(weight))
    expected = gradient * (1 / max(1.0, np.linalg.norm(gradient) / upper))
    np.testing.assert_allclose(done.gradients[0][0], expected, rtol=1e-5)


@pytest.mark.parametrize("size", [1e-1, 1e-3, 1e-4, 1e-6])
def test_strong_clipping_is_recorded_exactly(size):
    weights = {"dense/kernel": np.ones((3, 2))}
    gradients = {"dense/kernel": np.ones((3, 2))}
    done = clip(AGC(size), weights, gradients)
    np.testing.assert_allclose(done.scales, [[size]], rtol=1e-4)
    np.testing.assert_allclose(done.thresholds, [[size * 6**0.5]], rtol=1e-4)


@pytest.mark.skipif(BACKEND != "torch", reason="only torch records operations")
@pytest.mark.parametrize("scope", ["unit", "variable"])
def test_weights_do_not_make_the_result_part_of_a_graph(scope):
    # A state that depends on weights would hold on to every step before it.
    step = Step(Chain([AGC(0.1, scope=scope), AutoClip()]), variables())
    clipped, state, record = step(
        tensors(random_gradients(1)[0]), step.initial_state(), 0
    )
    assert not any(t.requires_grad for t in (*clipped, *state.values(), *record))


def test_unit_axes_of_the_user():
    weights, gradients = {"a/kernel": np.ones((2, 3))}, {"a/kernel": np.ones((2, 3))}
    gradients["a/kernel"][0] = 10.0
    done = clip(AGC(0.1, unit_axes={"a/kernel": (1,)}), weights, gradients)
    rows = np.linalg.norm(done.gradients[0][0], axis=1)
    np.testing.assert_allclose(rows, 0.1 * 3**0.5, rtol=1e-5)
    np.testing.assert_allclose(done.gradients[0][0][0], done.gradients[0][0][1])


@pytest.mark.parametrize("key", ["a/kernel", "kernel$", "^a/"])
def test_unit_axes_of_the_user_come_before_those_of_the_model(key):
    kernel = variable("a/kernel", np.ones((2, 3)))
    groups = AGC(unit_axes={key: [1]}).group([kernel], {"a/kernel": (0,)})
    assert groups.unit_axes == ((1,),)


def test_unit_axes_of_the_model_come_before_the_default():
    kernels = [variable(f"{name}/kernel", np.ones((2, 3))) for name in "ab"]
    groups = AGC(unit_axes={"b/": [0, 1]}).group(kernels, {"a/kernel": (1,)})
    assert groups.unit_axes == ((1,), (0, 1))


def test_unit_axes_of_a_model():
    model = keras.Sequential(
        [keras.Input((4, 4, 3)), keras.layers.Conv2DTranspose(2, 3, name="up")]
    )
    clipper = AGC(0.1, unit_axes=unit_axes_of(model))
    assert clipper.group(model.trainable_variables).unit_axes == ((0, 1, 3), (0,))


@pytest.mark.skipif(not HAS_SPARSE, reason="torch has no sparse gradients in Keras")
@pytest.mark.parametrize("mode", MODES)
def test_rows_of_an_embedding_are_units(mode):
    weight = np.array([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]])
    rows, indices = [[3.0, 4.0], [1.0, 0.0], [3.0, 4.0], [0.0, 1.0]], [1, 2, 1, 0]
    step = Step(AGC(0.1), [variable("e/embeddings", weight)], mode)
    done = trace(step, [[sparse(rows, indices, 3)]])
    np.testing.assert_allclose(
        done.gradients[0][0],
        [[0.0, 0.5], [0.03, 0.04], [1e-4, 0.0]],
        rtol=1e-5,
    )
    before = np.linalg.norm(dense(rows, indices, 3))
    np.testing.assert_allclose(done.norms, [[before]], rtol=1e-5)


@pytest.mark.skipif(not HAS_SPARSE, reason="torch has no sparse gradients in Keras")
def test_embedding_can_be_one_unit():
    weight = np.array([[3.0, 4.0], [0.0, 0.0]])
    clipper = AGC(0.1, unit_axes={"embeddings": (0, 1)})
    step = Step(clipper, [variable("e/embeddings", weight)])
    done = trace(step, [[sparse([[3.0, 0.0], [3.0, 0.0], [0.0, 8.0]], [0, 0, 1], 2)]])
    np.testing.assert_allclose(
        done.gradients[0][0], [[0.3, 0.0], [0.0, 0.4]], rtol=1e-5
    )
