"""`AdaGC` against the paper's algorithm, written out in NumPy."""

import numpy as np
import pytest
from helpers.stepping import MODES, run

from keras_gradclip import AdaGC

NORMS = [2.0, 1.0, 4.0, 1.0, 1.0, 10.0, 1.0]


def adagc(norms, relative=1.04, absolute=1.0, decay=0.99, warmup=100):
    """The norms after clipping and the averages, a row a step."""
    average = np.full(norms.shape[1], np.inf)
    clipped, averages = [], []
    for t, row in enumerate(norms):
        if t < warmup:
            joint = np.sqrt(np.sum(row**2))
            kept = row * min(1.0, absolute / joint)
            average = np.minimum(average, kept)
        else:
            kept = np.minimum(row, relative * average)
            average = decay * average + (1 - decay) * kept
        clipped.append(kept)
        averages.append(average)
    return np.array(clipped), np.array(averages)


def norms_after(done):
    return np.array([[np.linalg.norm(g) for g in row] for row in done.gradients])


def test_known_answer():
    # A warm-up of 3 to those who count steps from 1 and compare with "<".
    done = run(AdaGC(1.05, decay=0.98, warmup_steps=2), NORMS)
    averages = [state["average"][0] for state in done.states]
    expected = [1.0, 1.0, 1.001, 1.00098, 1.00096, 1.001961, 1.001922]
    np.testing.assert_allclose(averages, expected, atol=6e-7)
    np.testing.assert_allclose(norms_after(done)[:3, 0], [1, 1, 1.05], rtol=1e-6)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("arguments", "own"),
    [
        ({}, {}),
        ({"relative_threshold": 1.5}, {"relative": 1.5}),
        ({"absolute_threshold": 0.3}, {"absolute": 0.3}),
        ({"decay": 0.7}, {"decay": 0.7}),
        ({"decay": 0.0}, {"decay": 0.0}),
    ],
)
def test_equals_the_papers_algorithm(arguments, own, mode):
    norms = np.random.default_rng(6).lognormal(0.0, 1.0, (40, 3))
    done = run(AdaGC(warmup_steps=5, **arguments), norms, mode)
    clipped, averages = adagc(norms, warmup=5, **own)
    np.testing.assert_allclose(norms_after(done), clipped, rtol=1e-4)
    np.testing.assert_allclose(
        [state["average"] for state in done.states], averages, rtol=1e-4
    )


def test_warm_up_scales_all_groups_together_to_the_absolute_threshold():
    done = run(AdaGC(absolute_threshold=0.5), [[3.0, 4.0], [0.3, 0.4], [0.1, 0.1]])
    np.testing.assert_allclose(done.scales, [[0.1, 0.1], [1, 1], [1, 1]], rtol=1e-6)


def test_outlier_raises_the_average_by_a_thousandth():
    done = run(AdaGC(1.05, decay=0.98, warmup_steps=1), [1.0, 1e6])
    np.testing.assert_allclose(done.state["average"], [1.001], rtol=1e-6)


def test_group_that_was_absent_has_a_warm_up_of_its_own():
    norms = [[1.0, 0.0], [1.0, 0.0], [1.0, 0.25], [1.0, 0.25]]
    done = run(AdaGC(warmup_steps=2, absolute_threshold=10.0), norms)
    np.testing.assert_array_equal(done.state["count"], [2.0, 2.0])
    np.testing.assert_array_equal(done.states[1]["average"], [1.0, 0.0])
    np.testing.assert_allclose(done.state["average"], [1.0, 0.25])
    np.testing.assert_array_equal(done.scales, 1.0)


def test_warm_up_count_stops_at_its_end():
    done = run(AdaGC(warmup_steps=2), np.ones(5))
    np.testing.assert_array_equal(done.state["count"], [2.0])
