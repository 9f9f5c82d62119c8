"""Several runs in one picture."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")
from helpers.traces import made

from keras_gradclip.plotting import draw_comparison, new_panels


def test_each_run_is_a_line_of_medians():
    runs = {"rising": made(drift=9.0), "falling": made(drift=0.1, broken=[3])}
    axes = new_panels()[1][0]
    draw_comparison(axes, runs)
    assert [line.get_label() for line in axes.lines] == list(runs)
    rising, falling = (line.get_ydata() for line in axes.lines)
    assert rising[-1] > 5 * rising[0]
    assert falling[-1] < falling[0] / 5
    assert rising[0] == pytest.approx(np.median(runs["rising"]["grad_norm"][:20]))
    first, second = axes.lines
    assert first.get_color() != second.get_color()
    assert first.get_linestyle() != second.get_linestyle()


def test_a_run_without_norms_is_no_error():
    axes = new_panels()[1][0]
    draw_comparison(axes, {"empty": made(steps=9, spikes=()).rows(slice(0, 0))})
    axes.figure.canvas.draw()
    assert not any(np.isfinite(line.get_ydata()).any() for line in axes.lines)


@pytest.mark.parametrize("count", [0, 8])
def test_how_many_is_checked(count):
    runs = {str(i): made(steps=9, spikes=()) for i in range(count)}
    with pytest.raises(ValueError, match="`runs` must be 1 to 7 traces"):
        draw_comparison(new_panels()[1][0], runs)
