"""`AutoClip` against the paper's definition, which is `numpy.percentile`."""

import numpy as np
import pytest
from helpers.stepping import MODES, run

from keras_gradclip import AutoClip

NORMS = [1.0, 3.0, 2.0, 10.0, 0.5, 4.0, 2.5, 8.0]
GENERATOR = np.random.default_rng(11)
MANY = GENERATOR.lognormal(0.0, 2.0, (40, 3))


def percentiles(norms, percentile, window=None):
    """The percentile of the norms so far, for each step and column."""
    rows = []
    for t in range(1, len(norms) + 1):
        seen = norms[max(0, t - window) if window else 0 : t]
        rows.append(
            [np.percentile(column, percentile) for column in np.transpose(seen)]
        )
    return np.array(rows)


@pytest.mark.parametrize("window", [8, 100])
def test_known_answer(window):
    done = run(AutoClip(10.0, window=window), NORMS)
    expected = [1.0, 1.2, 1.2, 1.3, 0.7, 0.75, 0.8, 0.85]
    np.testing.assert_allclose(done.thresholds[:, 0], expected, rtol=1e-6)
    np.testing.assert_allclose(
        [np.linalg.norm(g[0]) for g in done.gradients],
        np.minimum(NORMS, expected),
        rtol=1e-6,
    )


def test_known_answer_of_the_whole_history_within_one_percent():
    done = run(AutoClip(10.0), NORMS)
    exact = np.array([1.0, 1.2, 1.2, 1.3, 0.7, 0.75, 0.8, 0.85])
    assert (done.thresholds[:, 0] >= exact * (1 - 1e-6)).all()
    assert (done.thresholds[:, 0] <= exact * 1.01).all()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("percentile", [0.0, 10.0, 33.3, 100.0])
def test_window_is_exact_also_after_the_ring_wraps(percentile, mode):
    clipper = AutoClip(percentile, window=7, scope="variable")
    done = run(clipper, MANY, mode)
    expected = percentiles(MANY, percentile, window=7)
    np.testing.assert_allclose(done.thresholds, expected, rtol=2e-5)
    np.testing.assert_allclose(done.scales, np.minimum(1.0, expected / MANY), rtol=2e-5)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("percentile", [0.0, 10.0, 95.0])
def test_whole_history_is_at_most_one_percent_high(percentile, mode):
    done = run(AutoClip(percentile, scope="variable"), MANY, mode)
    exact = percentiles(MANY, percentile)
    assert (done.thresholds >= exact * (1 - 1e-5)).all()
    assert (done.thresholds <= exact * (1.01 + 1e-5)).all()


@pytest.mark.parametrize("window", [None, 1, 2, 5])
def test_first_step_is_never_clipped(window):
    done = run(AutoClip(0.0, window=window), [3.7, 3.7])
    np.testing.assert_allclose(done.thresholds[0], done.norms[0], rtol=1e-6)
    np.testing.assert_array_equal(done.scales[0], 1.0)


@pytest.mark.parametrize("window", [None, 3])
def test_percentile_100_never_clips(window):
    done = run(AutoClip(100.0, window=window), [1.0, 5.0, 3.0, 1e9, 1e-9, 2e12])
    np.testing.assert_array_equal(done.scales, 1.0)


def test_window_of_one_never_clips():
    done = run(AutoClip(10.0, window=1), NORMS)
    np.testing.assert_array_equal(done.scales, 1.0)


@pytest.mark.parametrize("window", [None, 4])
@pytest.mark.parametrize("nothing", [0.0, np.nan, np.inf])
def test_history_that_is_still_empty_has_no_bound(nothing, window):
    done = run(AutoClip(10.0, window=window), [nothing, nothing, 2.0])
    np.testing.assert_array_equal(done.thresholds[:2], np.inf)
    np.testing.assert_allclose(done.thresholds[2], 2.0)


@pytest.mark.parametrize("window", [None, 4])
def test_groups_have_histories_of_their_own_length(window):
    norms = np.array([[1.0, 0.0], [3.0, 5.0], [2.0, 0.0], [4.0, 7.0]])
    done = run(AutoClip(50.0, window=window, scope="variable"), norms)
    np.testing.assert_array_equal(done.state["count"], [4, 2]) if window else None
    np.testing.assert_allclose(
        done.thresholds, [[1, np.inf], [2, 5], [2, 5], [2.5, 6]], rtol=0.011
    )


def test_memory_does_not_grow():
    for window in (None, 5):
        done = run(AutoClip(window=window), NORMS)
        sizes = [{k: v.shape for k, v in state.items()} for state in done.states]
        assert all(size == sizes[0] for size in sizes)


def test_a_percentile_that_looks_like_a_share_is_told():
    with pytest.warns(
        UserWarning, match=r"`percentile` is one of 0 to 100.*=0\.9"
    ) as w:
        AutoClip(percentile=0.9)
    assert w[0].filename == __file__
    for percentile in (0, 1, 1.5, 100):  # a warning would be an error
        AutoClip(percentile=percentile)
