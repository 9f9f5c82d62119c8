"""`QuantileClip` against tensorflow-privacy's vectors and plain NumPy."""

import math

import keras
import numpy as np
import pytest
from helpers.stepping import MODES, Step, array, run, tensors, variable

from keras_gradclip import QuantileClip


def in_force(norms, quantile, learning_rate, threshold):
    """The threshold that clips each step."""
    thresholds = []
    for norm in norms:
        thresholds.append(threshold)
        below = float(norm <= threshold)
        threshold *= math.exp(-learning_rate * (below - quantile))
    return np.array(thresholds)


@pytest.mark.parametrize(
    ("records", "initial", "quantile", "expected"),
    [
        ((5.0, 2.5), 16.0, 0.0, [8.0, 4.0, 2**1.5, 2.0, 2.0]),
        ((1.5, 3.0), 0.5, 1.0, [1.0, 2.0, 2**1.5, 4.0, 4.0]),
    ],
)
def test_known_answer(records, initial, quantile, expected):
    # A round of theirs moves the logarithm of the threshold by the mean over
    # its records; one step of ours is one record.
    clipper = QuantileClip(quantile, math.log(2.0), initial)
    step = Step(clipper, [variable("v/kernel", [0.0, 0.0])])
    state, thresholds = step.initial_state(), []
    for _ in expected:
        moves = [
            array(step(tensors([[norm, 0.0]]), state, 0)[1]["threshold"])
            for norm in records
        ]
        mean = np.exp(np.mean(np.log(moves), axis=0))
        state = {"threshold": keras.ops.convert_to_tensor(mean, "float32")}
        thresholds.append(mean[0])
    np.testing.assert_allclose(thresholds, expected, rtol=1e-6)


def test_tie_counts_as_below():
    done = run(QuantileClip(0.5, 0.2, 5.0), [5.0, 1.0])
    np.testing.assert_array_equal(done.scales[0], 1.0)
    np.testing.assert_allclose(done.thresholds[1], 5.0 * math.exp(-0.1), rtol=1e-6)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("quantile", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_equals_numpy(quantile, mode):
    norms = np.random.default_rng(8).lognormal(0.0, 1.0, (40, 2))
    clipper = QuantileClip(quantile, 0.1, 0.7, scope="variable")
    done = run(clipper, norms, mode)
    expected = np.transpose([in_force(c, quantile, 0.1, 0.7) for c in norms.T])
    np.testing.assert_allclose(done.thresholds, expected, rtol=1e-4)
    np.testing.assert_allclose(done.scales, np.minimum(1, expected / norms), rtol=1e-4)


def test_finds_the_median():
    norms = np.random.default_rng(9).permutation(np.tile(np.linspace(0.5, 9.5, 19), 25))
    done = run(QuantileClip(0.5, 0.02, 3.0), norms, MODES[-1])
    assert abs(done.thresholds[-300:].mean() - 5.0) < 0.5


def test_threshold_can_always_come_back():
    done = run(QuantileClip(0.0, 50.0, 1.0), [1e-18] * 4)
    assert done.thresholds[-1, 0] > 0
    assert np.isfinite(run(QuantileClip(1.0, 80.0), [1e18] * 4).thresholds).all()
