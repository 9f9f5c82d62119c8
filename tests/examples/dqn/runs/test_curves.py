"""The interquartile mean, and how sure it is."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("tyro")

from examples.dqn.runs.curves import bootstrap_band, interquartile_mean


def test_interquartile_mean_leaves_out_a_quarter_on_each_side():
    column = np.array([9.0, 1, 2, 3, 4, 5, 6, -100])[:, None]
    np.testing.assert_allclose(interquartile_mean(column), [3.5])
    np.testing.assert_allclose(interquartile_mean(column[:3]), [4.0])


def test_band_holds_the_mean_and_is_as_wide_as_the_values_differ():
    generator = np.random.default_rng(1)
    values = np.stack([np.ones(20), generator.normal(0, 1, 20)], axis=1)
    low, high = bootstrap_band(values)
    mean = interquartile_mean(values)
    assert low[0] == high[0] == mean[0] == 1
    assert low[1] < mean[1] < high[1]
    # About two standard errors to each side.
    assert 0.5 < high[1] - low[1] < 1.6
    np.testing.assert_array_equal(bootstrap_band(values), (low, high))
