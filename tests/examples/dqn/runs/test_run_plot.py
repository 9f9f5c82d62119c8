"""The picture of a run, read from the figure itself."""

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)
pytest.importorskip("gymnasium")
pytest.importorskip("matplotlib")

from matplotlib.figure import Figure

from examples.dqn.runs import run_plot
from examples.dqn.runs.history import History
from examples.dqn.runs.run_plot import plot_run, running_mean

GENERATOR = np.random.default_rng(0)
EPISODES = [(7 * i, float(GENERATOR.normal())) for i in range(60)]


def block(first, norms, threshold=1.0):
    """What one block of updates adds to a history."""
    norms = np.array(norms)
    return {
        "step": np.arange(first, first + len(norms)),
        "norm": norms,
        "threshold": np.full(len(norms), threshold),
        "clipped": (norms > threshold).astype(float),
    }


@pytest.fixture
def drawn(monkeypatch, tmp_path):
    """Draws a history, and gives out the two panels."""
    made = []

    def figure(**more):
        made.append(Figure(**more | {"dpi": 20}))  # the quickest to draw
        return made[-1]

    monkeypatch.setattr(run_plot, "Figure", figure)

    def draw(history, solved_at=None):
        plot_run(tmp_path / "run.png", "the title", history, solved_at)
        assert (tmp_path / "run.png").read_bytes().startswith(b"\x89PNG")
        assert made[-1].get_suptitle() == "the title"
        return made[-1].axes

    return draw


def line_of(axes, label):
    [line] = [line for line in axes.lines if line.get_label() == label]
    return line


def points_of(axes, label):
    [points] = [part for part in axes.collections if part.get_label() == label]
    return points.get_offsets()


def test_running_mean():
    np.testing.assert_allclose(
        running_mean(np.array([1.0, 3.0, 5.0, 7.0]), 2), [1.0, 2.0, 4.0, 6.0]
    )


@pytest.mark.parametrize("window", [1, 3, 20, 100])
def test_running_mean_is_that_of_each_slice(window):
    values = GENERATOR.normal(size=50)
    expected = [values[max(0, i - window + 1) : i + 1].mean() for i in range(50)]
    np.testing.assert_allclose(running_mean(values, window), expected)


def test_episodes_their_mean_and_the_evaluations(drawn):
    above, _ = drawn(History(EPISODES, [(100, 1.0), (200, 3.0)]))
    points = points_of(above, "training episode, exploring")
    np.testing.assert_allclose(points, EPISODES)
    mean = line_of(above, "mean of the last 20")
    np.testing.assert_array_equal(mean.get_xdata(), [step for step, _ in EPISODES])
    assert mean.get_ydata()[-1] == pytest.approx(
        np.mean([value for _, value in EPISODES[-20:]])
    )
    greedy = line_of(above, "greedy evaluation")
    np.testing.assert_array_equal(greedy.get_xydata(), [(100, 1.0), (200, 3.0)])


def test_solved_is_a_line_at_its_return(drawn):
    above, _ = drawn(History(EPISODES), 475.0)
    [line] = [line for line in above.lines if line.get_linestyle() == "--"]
    assert {*line.get_ydata()} == {475.0}
    assert [text.get_text() for text in above.texts] == ["solved: 475"]
    above, _ = drawn(History(EPISODES), None)
    assert not above.texts


def test_norms_of_all_blocks_stand_over_their_steps(drawn):
    history = History(clips=[block(10, [0.5, 2.0]), block(20, [4.0, 0.25, 3.0])])
    _, below = drawn(history)
    expected = {"norm": [(10, 0.5), (21, 0.25)]}
    expected["norm, clipped"] = [(11, 2.0), (20, 4.0), (22, 3.0)]
    for label, points in expected.items():
        np.testing.assert_array_equal(points_of(below, label), points)
    assert below.get_title(loc="left") == "Gradient norm per update (60% clipped)"
    assert below.get_yscale() == "log"


def test_few_tiny_norms_do_not_stretch_the_axis(drawn):
    norms = np.concatenate([[1e-9], np.full(3000, 1.0)])
    _, below = drawn(History(clips=[block(0, norms)]))
    assert 0.1 < below.get_ylim()[0] < 1


def test_without_a_clipper_the_picture_says_so(drawn):
    _, below = drawn(History(EPISODES))
    assert [text.get_text() for text in below.texts] == [
        "no clipper, so no norms were recorded"
    ]
    assert not below.collections


def test_both_panels_have_one_axis_of_steps(drawn):
    above, below = drawn(History(EPISODES, clips=[block(0, [1.0, 2.0])]))
    assert above.get_shared_x_axes().joined(above, below)
    assert below.xaxis.get_major_formatter()(12000.0, 0) == "12,000"


def test_run_in_which_nothing_happened(drawn):
    above, below = drawn(History())
    assert not above.lines
    assert below.texts


def test_run_that_diverged_at_once(drawn):
    # All norms but the first, as the log of a clipper has those with a NaN.
    _, below = drawn(History(clips=[block(0, [1.0, np.inf, np.inf])]))
    assert not below.texts  # norms were recorded
    labels = {text.get_text() for text in below.get_legend().get_texts()}
    assert "NaN or inf" in labels
