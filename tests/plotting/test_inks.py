"""Colours: by the background, and told apart by everyone."""

import itertools

import pytest

pytest.importorskip("matplotlib")
from matplotlib import pyplot
from matplotlib.colors import to_rgb

from keras_gradclip.plotting import dress_axes, inks_of, new_panels
from keras_gradclip.plotting.inks import DARK, LIGHT


def luminance(colour):
    parts = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in to_rgb(colour)
    )
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), parts))


def contrast(first, second):
    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def as_seen_without_red_or_green(colour):
    """Viénot, Brettel and Mollon's protanopia and deuteranopia, 1999."""
    red, green, blue = to_rgb(colour)
    mixed = (0.11 * red + 0.89 * green, 0.29 * red + 0.71 * green)
    return [(m, m, blue) for m in mixed]


@pytest.mark.parametrize("inks", [LIGHT, DARK], ids=["light", "dark"])
def test_what_is_read_stands_out_from_the_background(inks):
    assert contrast(inks.text, inks.background) > 7
    assert contrast(inks.threshold, inks.background) > 7
    for colour in (inks.norm, inks.clipped, inks.broken, *inks.curves):
        assert contrast(colour, inks.background) > 2, colour


@pytest.mark.parametrize("inks", [LIGHT, DARK], ids=["light", "dark"])
def test_norm_and_clipped_differ_to_the_colour_blind(inks):
    pairs = itertools.combinations((inks.norm, inks.clipped, inks.threshold), 2)
    for one, other in pairs:
        seen = zip(*map(as_seen_without_red_or_green, (one, other)))
        for a, b in seen:
            assert max(abs(x - y) for x, y in zip(a, b)) > 0.2, (one, other)


def test_they_go_by_the_background_of_the_axes():
    assert inks_of(new_panels()[1][0]) is LIGHT
    assert inks_of(new_panels(dark=True)[1][0]) is DARK
    with pyplot.style.context("dark_background"):
        figure, axes = pyplot.subplots()
    assert inks_of(axes) is DARK
    axes.set_facecolor("none")
    assert inks_of(axes) is DARK
    figure.set_facecolor("white")
    assert inks_of(axes) is LIGHT
    pyplot.close(figure)


def test_dark_axes_are_dressed_in_light_text():
    axes = new_panels(dark=True)[1][0]
    axes.set_title("title", loc="left")
    own = axes.text(0, 0, "mine", color="red")
    dress_axes(axes)
    titles = [t for t in axes.texts + axes.get_children() if hasattr(t, "get_text")]
    (title,) = [t for t in titles if t.get_text() == "title"]
    assert title.get_color() == DARK.text
    assert own.get_color() == "red"
