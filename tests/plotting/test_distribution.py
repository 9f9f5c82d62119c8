"""The distribution of norms, and the thresholds of percentiles."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")
from helpers.traces import made

from keras_gradclip.plotting import draw_distribution, new_panels


def test_the_line_has_the_threshold_of_every_percentile():
    norms = np.append(made()["grad_norm"], [0.0, np.inf, np.nan])
    axes = new_panels()[1][0]
    draw_distribution(axes, norms)
    line = axes.lines[0]
    expected = np.percentile(made()["grad_norm"], np.arange(1, 100))
    np.testing.assert_allclose(line.get_xdata(), expected)
    assert line.get_ydata().tolist() == list(range(1, 100))
    told = [text.get_text() for text in axes.texts]
    assert told == [f"{p}: {expected[p - 1]:.3g}" for p in (10, 50, 90, 99)]
    assert axes.get_xscale() == "log"


def test_no_norms_are_no_error():
    axes = new_panels()[1][0]
    draw_distribution(axes, np.array([0.0, np.inf]))
    axes.figure.canvas.draw()
    assert not axes.lines


def test_one_norm_is_no_error():
    axes = new_panels()[1][0]
    draw_distribution(axes, np.full(5, 2.0))
    axes.figure.canvas.draw()
    np.testing.assert_allclose(axes.lines[0].get_xdata(), 2.0)
