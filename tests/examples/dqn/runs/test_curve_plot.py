"""What a picture of several runs shows, read from the figure itself."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from examples.dqn.errors import ConfigError
from examples.dqn.runs import curve_plot
from examples.dqn.runs.curve_plot import draw_curves, draw_seeds, label_axes
from examples.dqn.runs.curves import Curve

STEPS = np.array([100, 200, 300])
VALUES = np.array([[0.0, 1, 2], [4, 5, 6], [5, 6, 7], [99, 99, 99]])


@pytest.fixture
def axes():
    return Figure().subplots()


@pytest.fixture
def figures(monkeypatch):
    """The figures that were made."""
    made = []

    def figure(**more):
        made.append(Figure(**more | {"dpi": 20}))  # the quickest to draw
        return made[-1]

    monkeypatch.setattr(curve_plot, "Figure", figure)
    return made


def mean_line(axes):
    """The thickest line."""
    return max(axes.lines, key=lambda line: line.get_linewidth())


def test_the_mean_leaves_out_the_best_and_the_worst_quarter(axes):
    draw_seeds(axes, STEPS, VALUES, "red", "four seeds")
    line = mean_line(axes)
    np.testing.assert_array_equal(line.get_xdata(), STEPS)
    np.testing.assert_allclose(line.get_ydata(), [4.5, 5.5, 6.5])
    assert line.get_label() == "four seeds"


def test_each_seed_is_a_thin_line_below_the_mean(axes):
    draw_seeds(axes, STEPS, VALUES, "red")
    *thin, mean = axes.lines
    np.testing.assert_array_equal([line.get_ydata() for line in thin], VALUES)
    assert mean is mean_line(axes)
    assert max(line.get_alpha() for line in thin) < 0.5


def test_seeds_may_be_left_out_of_what_the_band_tells(axes):
    draw_seeds(axes, STEPS, VALUES, "red", each=False)
    assert len(axes.lines) == len(axes.collections) == 1


def test_the_band_holds_the_mean_and_stays_within_the_seeds(axes):
    draw_seeds(axes, STEPS, VALUES, "red")
    [band] = axes.collections
    corners = band.get_paths()[0].vertices
    for step, mean, values in zip(STEPS, [4.5, 5.5, 6.5], VALUES.T):
        edge = corners[corners[:, 0] == step, 1]
        assert values.min() <= edge.min() < mean < edge.max() <= values.max()


def test_one_seed_is_a_line_without_a_band(axes):
    draw_seeds(axes, STEPS, VALUES[:1], "red")
    [line] = axes.lines
    np.testing.assert_array_equal(line.get_ydata(), VALUES[0])
    assert not axes.collections


def test_steps_are_told_in_thousands(axes):
    label_axes(axes, "mean return")
    assert axes.xaxis.get_major_formatter()(1234567.0, 0) == "1,234,567"
    assert axes.get_xlabel() == "environment steps"
    assert axes.get_ylabel() == "mean return"


def test_each_curve_has_a_colour_and_a_name(figures, tmp_path):
    curves = [Curve(f"curve {i}", STEPS, VALUES[i : i + 1]) for i in range(4)]
    draw_curves(tmp_path / "a.png", curves, "loss", "CartPole-v1")
    [figure] = figures
    [axes] = figure.axes
    assert len({to_rgba(line.get_color()) for line in axes.lines}) == 4
    [legend] = figure.legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts == [line.get_label() for line in axes.lines]
    assert texts == [f"curve {i}" for i in range(4)]
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("rows", "title"),
    [
        ([1, 1], "CartPole-v1: loss"),
        ([1, 2], "CartPole-v1: loss, mean and 95 % bootstrap band"),
        ([3, 3], "CartPole-v1: loss, mean and 95 % bootstrap band"),
        ([1, 4], "CartPole-v1: loss, interquartile mean and 95 % bootstrap band"),
        (
            [2, 4],
            "CartPole-v1: loss, interquartile mean (plain mean of fewer than 4 runs) "
            "and 95 % bootstrap band",
        ),
    ],
)
def test_the_title_speaks_of_a_band_where_there_is_one(rows, title, figures, tmp_path):
    curves = [Curve(f"{count}", STEPS, VALUES[:count]) for count in rows]
    draw_curves(tmp_path / "a.png", curves, "loss", "CartPole-v1")
    [axes] = figures[0].axes
    assert axes.get_title(loc="left") == title
    assert bool(axes.collections) == ("band" in title)


@pytest.mark.parametrize(("count", "thin"), [(1, 4), (2, 0)])
def test_seeds_are_seen_only_where_a_curve_is_alone(count, thin, figures, tmp_path):
    curves = [Curve("a", STEPS, VALUES)] * count
    draw_curves(tmp_path / "a.png", curves, "loss", "CartPole-v1")
    assert len(figures[0].axes[0].lines) == thin + count


def test_long_names_are_broken_and_given_room(figures, tmp_path):
    short, long = Curve("a", STEPS, VALUES), Curve("word " * 60, STEPS, VALUES)
    for curve in (short, long):
        draw_curves(tmp_path / "a.png", [curve], "loss", "CartPole-v1")
    lines = figures[1].legends[0].get_texts()[0].get_text().splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) <= 120
    heights = [figure.get_figheight() for figure in figures]
    assert heights[1] > heights[0]


@pytest.mark.parametrize(
    ("name", "reason"), [("none/a.png", "No such file"), ("a.word", "word")]
)
def test_picture_that_cannot_be_written_is_told_in_one_line(name, reason, tmp_path):
    path = tmp_path / name
    with pytest.raises(ConfigError, match=f"output must be.*{reason}") as error:
        draw_curves(path, [Curve("a", STEPS, VALUES)], "loss", "CartPole-v1")
    assert str(error.value).endswith(f"Received: output={path}")
    assert "\n" not in str(error.value)
