"""Groups by steps: where norms stood above thresholds."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")
from helpers.traces import GROUPS, SPIKES, made

from keras_gradclip.plotting import draw_heat_map, new_panels
from keras_gradclip.plotting.heat_map import COLUMNS, ratios, short_name


def drawn(trace, **arguments):
    axes = new_panels()[1][0]
    draw_heat_map(
        axes,
        trace["step"],
        trace["norm"],
        trace["threshold"],
        trace.groups,
        **arguments,
    )
    return axes


def cells(axes):
    (mesh,) = axes.collections
    return mesh.get_array()


def names(axes):
    return [label.get_text() for label in axes.get_yticklabels()]


def test_a_row_is_a_group_and_a_cell_the_largest_ratio():
    trace = made()
    axes = drawn(trace)
    assert names(axes) == list(GROUPS)
    found = cells(axes)
    assert found.shape == (3, COLUMNS)
    ratio = trace["norm"] / trace["threshold"]
    np.testing.assert_allclose(found[0, 0], max(1 / 16, ratio[:10, 0].max()))
    for step in SPIKES:
        assert found[1, step // 10] == 16  # the end of the scale


def test_no_threshold_is_empty_and_a_broken_step_is_hot():
    trace = made(steps=20, spikes=(), broken=[3])
    trace["threshold"][:2] = np.inf
    found = cells(drawn(trace))
    assert np.ma.getmaskarray(np.ma.masked_invalid(found))[:, :2].all()
    assert (found[:, 3] == 16).all()
    assert np.isnan(ratios(np.ones(1), np.array([3.4028235e38]))).all()


def test_of_many_groups_those_clipped_most_are_shown():
    axes = drawn(made(), max_groups=1, colorbar=False)
    assert names(axes) == ["lstm/recurrent_kernel"]
    assert len(axes.figure.axes) == 1


def test_no_step_is_an_empty_picture():
    axes = drawn(made(steps=20, spikes=()).rows(slice(0, 0)))
    axes.figure.canvas.draw()
    assert names(axes) == list(GROUPS)


def test_long_names_are_cut_where_they_are_alike():
    assert short_name("a/kernel") == "a/kernel"
    assert short_name("x" * 40 + "/kernel", most=10) == "…xx/kernel"
