"""Norms against thresholds: points, densities, gaps and crosses."""

import time

import numpy as np
import pytest

pytest.importorskip("matplotlib")
from helpers.traces import made
from matplotlib.colors import same_color

from keras_gradclip.plotting import ORANGE, clipped_share, draw_norms, new_panels
from keras_gradclip.plotting.norms import COLUMNS, DENSE


def drawn(trace, group=1, dark=False):
    axes = new_panels(dark=dark)[1][0]
    norm, threshold, scale = (
        trace[n][:, group] for n in ("norm", "threshold", "scale")
    )
    draw_norms(axes, trace["step"], norm, threshold, scale < 1)
    return axes


def points(axes):
    return {c.get_label(): c for c in axes.collections if hasattr(c, "get_offsets")}


def test_each_step_is_a_point_in_the_colour_of_what_happened():
    trace = made(broken=[7])
    found = points(drawn(trace))
    clipped = (trace["scale"][:, 1] < 1) & np.isfinite(trace["norm"][:, 1])
    assert len(found["norm, clipped"].get_offsets()) == clipped.sum()
    assert len(found["norm"].get_offsets()) == 3000 - 1 - clipped.sum()
    assert same_color(found["norm, clipped"].get_facecolor()[0], ORANGE)


def test_what_was_broken_is_a_cross_and_no_threshold_is_a_gap():
    trace = made(steps=100, spikes=(), broken=[7])
    trace["threshold"][:10] = np.inf
    axes = drawn(trace)
    lines = {line.get_label(): line for line in axes.lines}
    assert lines["NaN or inf"].get_xdata().tolist() == [7]
    bound = lines["threshold"].get_ydata()
    assert np.isnan(bound[:10]).all()
    assert np.isfinite(bound[10:]).all()
    assert axes.get_yscale() == "log"


@pytest.mark.parametrize("none", [np.inf, np.finfo("float32").max])
def test_no_bound_stretches_no_axis(none):
    trace = made(steps=100, spikes=())
    trace["threshold"][:] = none
    axes = drawn(trace)
    axes.figure.canvas.draw()
    assert axes.get_ylim()[1] < 100


def test_nothing_at_all_is_drawn_as_nothing():
    axes = drawn(made(steps=20, spikes=(), broken=range(20)))
    assert axes.get_yscale() == "linear"
    empty = made(steps=20, spikes=()).rows(slice(0, 0))
    drawn(empty).figure.canvas.draw()


def test_a_million_steps_are_a_density_in_under_two_seconds(tmp_path):
    trace = made(steps=1_000_000, spikes=(1000, 900_000), groups=["global"])
    drawn(made(steps=10, spikes=()), 0).figure.savefig(tmp_path / "warm.png")
    start = time.process_time()
    axes = drawn(trace, 0)
    axes.figure.savefig(tmp_path / "density.png")
    assert time.process_time() - start < 2
    (mesh,) = [c for c in axes.collections if not hasattr(c, "get_sizes")]
    assert mesh.get_array().size % COLUMNS == 0
    clipped = trace["scale"][:, 0] < 1
    assert mesh.get_array().sum() == (~clipped).sum()
    # Few as they are, those that were clipped stay points, and are seen.
    assert clipped.sum() < DENSE
    assert len(points(axes)["norm, clipped"].get_offsets()) == clipped.sum()


def test_the_share_in_words():
    assert clipped_share(np.array([True, False])) == "50% clipped"
    assert clipped_share(np.zeros(0, bool)) == ""
