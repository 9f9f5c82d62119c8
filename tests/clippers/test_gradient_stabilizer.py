"""`GradientStabilizer`: norms near 1 in the direction that they had."""

import numpy as np
import pytest
from helpers.stepping import MODES, run

from keras_gradclip import GradientStabilizer


def norms_after(done):
    return np.array([[np.linalg.norm(g) for g in row] for row in done.gradients])


@pytest.mark.parametrize("mode", MODES)
def test_known_answer_long_after_the_start(mode):
    # A spike of 1000 after 2000 steps of norm 1: the bound is 12.65.
    done = run(GradientStabilizer(), [1.0] * 2000 + [1e3, *[1.0] * 5], mode)
    found = norms_after(done)[2000:, 0]
    np.testing.assert_allclose(found, [11.776, 7.08, 4.26, 2.57, 1.56, 0.95], 5e-3)
    np.testing.assert_allclose(found[0], 11.776, rtol=1e-3)


@pytest.mark.parametrize("factor", [1e-10, 1e-6, 1e12])
def test_the_size_of_the_gradients_does_not_matter(factor):
    norms = np.array([1.0, 3.0, 0.5, 40.0, 1.0])
    clipper = GradientStabilizer(epsilon=1e-30)
    np.testing.assert_allclose(
        norms_after(run(clipper, factor * norms)),
        norms_after(run(clipper, norms)),
        rtol=1e-4,
    )


def test_small_norms_are_raised():
    done = run(GradientStabilizer(), [1e-3, 1e-3])
    np.testing.assert_allclose(done.scales, 1e3, rtol=1e-4)
    np.testing.assert_allclose(done.thresholds, done.norms * done.scales, rtol=1e-5)


def test_each_variable_has_its_own_averages_by_default():
    done = run(GradientStabilizer(), [[1.0, 1.0], [1.0, 100.0]])
    np.testing.assert_allclose(norms_after(done)[1, 0], 1.0, rtol=1e-5)
    assert norms_after(done)[1, 1] < 0.99
