"""`SpectralClip` against singular values from NumPy."""

import numpy as np
import pytest
from helpers.stepping import MODES, Step, tensors, trace, variable

from keras_gradclip import SpectralClip


def clip(clipper, gradient, mode="eager"):
    step = Step(clipper, [variable("layer/kernel", np.ones(gradient.shape))], mode)
    return trace(step, [tensors([gradient])]).gradients[0][0]


def with_values(rows, columns, values, seed=0):
    generator = np.random.default_rng(seed)
    left, _, right = np.linalg.svd(
        generator.normal(size=(rows, columns)), full_matrices=False
    )
    return (left * values) @ right


def softly_clipped(gradient, bound):
    matrix = gradient.reshape(-1, gradient.shape[-1])
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    return ((left * values / np.hypot(1, values / bound)) @ right).reshape(
        gradient.shape
    )


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "shape", [(6, 4), (4, 6), (16, 16), (3, 3, 2, 5), (1, 7), (7, 1)], ids=str
)
def test_equals_the_formula(shape, mode):
    gradient = np.random.default_rng(1).normal(size=shape)
    found = clip(SpectralClip(0.5), gradient, mode)
    expected = softly_clipped(gradient, 0.5)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_one_direction_is_held_down_and_the_others_keep_their_size():
    gradient = with_values(8, 8, [20.0, *[0.05] * 7])
    found = np.linalg.svd(clip(SpectralClip(1.0), gradient))[1]
    np.testing.assert_allclose(found, [20 / 401**0.5, *[0.05] * 7], rtol=5e-3)


@pytest.mark.parametrize("iterations", [2, 6, 12])
@pytest.mark.parametrize("spike", [1e2, 1e4, 1e6])
def test_too_few_iterations_never_exceed_the_bound(iterations, spike):
    gradient = with_values(12, 5, [spike, 30.0, 2.0, 1.0, 0.01])
    found = np.linalg.svd(clip(SpectralClip(1.0, iterations), gradient))[1]
    assert (found[:5] <= 1.001).all()
    assert found[0] > 0.1


def test_more_iterations_are_exact_for_larger_spikes():
    gradient = with_values(10, 10, [500.0, *[1.0] * 9])
    expected = softly_clipped(gradient, 1.0)
    errors = [
        np.abs(clip(SpectralClip(1.0, n), gradient) - expected).max() for n in (8, 20)
    ]
    assert errors[1] < 0.01 < errors[0]


def test_a_vector_is_a_matrix_of_one_column():
    found = clip(SpectralClip(1.0), np.array([3.0, 4.0]))
    np.testing.assert_allclose(found, np.array([3.0, 4.0]) / 26**0.5, rtol=1e-5)
