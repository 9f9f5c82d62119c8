"""Whole figures: light, dark and as wide as a README."""

import builtins

import pytest

pytest.importorskip("matplotlib")
from helpers.traces import GROUPS, made
from matplotlib.image import imread

from keras_gradclip.plotting import new_panels, plot_trace


@pytest.mark.parametrize("dark", [False, True])
def test_a_trace_is_drawn_light_or_dark_at_the_width_of_a_readme(dark, tmp_path):
    trace = made()
    path = plot_trace(trace, GROUPS, tmp_path / "trace.png", dark=dark)
    picture = imread(path)
    assert picture.shape[1] == 1200
    corners = picture[[0, 0, -1, -1], [0, -1, 0, -1], :3]
    assert (corners < 0.2).all() if dark else (corners == 1).all()
    # The panels, too: most of a picture is background.
    assert bool(picture[..., :3].mean() < 0.3) is dark


def test_groups_are_chosen_by_name(tmp_path):
    trace = made(steps=50, spikes=())
    tall = imread(plot_trace(trace, GROUPS, tmp_path / "all.png"))
    one = imread(plot_trace(trace, GROUPS, tmp_path / "one.png", [GROUPS[1]]))
    assert one.shape[0] < tall.shape[0] / 2
    with pytest.raises(ValueError, match="`groups` must be among"):
        plot_trace(trace, GROUPS, tmp_path / "none.png", ["nonsense"])


def test_without_matplotlib_the_way_to_it_is_told(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match="pip install matplotlib"):
        new_panels()
