"""One picture of a run: returns above, gradient norms and threshold below."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from examples.dqn.runs.history import History
from keras_gradclip.plotting import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    clipped_share,
    draw_norms,
    dress_axes,
    legend_above,
)


def plot_run(path: Path, title: str, history: History, solved_at: float | None) -> None:
    """Draws the run.

    Args:
        path: The PNG to write.
        title: Above everything.
        history: Episodes, evaluations and what the clipper did.
        solved_at: Return at which Gymnasium calls the environment solved.
    """
    figure = Figure(figsize=(10, 7), dpi=150, layout="constrained")
    figure.suptitle(title, fontsize=13, fontweight="bold")
    above, below = figure.subplots(2, 1, sharex=True)
    _draw_returns(above, history, solved_at)
    _draw_norms(below, history)
    below.set_xlabel("environment steps")
    below.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    for axes in (above, below):
        dress_axes(axes)
    figure.savefig(path)


def _draw_returns(axes: Axes, history: History, solved_at: float | None) -> None:
    axes.set_title("Return per episode", loc="left", fontsize=11)
    axes.set_ylabel("undiscounted return")
    if solved_at is not None:
        axes.axhline(solved_at, color=BLACK, linestyle="--", linewidth=1)
        axes.annotate(
            f"solved: {solved_at:g}",
            xy=(0, solved_at),
            xycoords=("axes fraction", "data"),
            xytext=(4, 4),
            textcoords="offset points",
            fontsize=9,
        )
    if history.episodes:
        steps, returns = np.array(history.episodes).T
        label = "training episode, exploring"
        axes.scatter(steps, returns, s=9, color=GREY, linewidths=0, label=label)
        mean = running_mean(returns, 20)
        axes.plot(steps, mean, color=BLUE, linewidth=2, label="mean of the last 20")
    if history.evaluations:
        steps, returns = np.array(history.evaluations).T
        axes.plot(steps, returns, "D-", color=GREEN, label="greedy evaluation")
    if history.episodes:
        legend_above(axes)


def _draw_norms(axes: Axes, history: History) -> None:
    axes.set_title("Gradient norm per update", loc="left", fontsize=11)
    if not history.clips:
        note = "no clipper, so no norms were recorded"
        axes.set_yticks([])
        axes.text(0.5, 0.5, note, transform=axes.transAxes, ha="center", color=GREY)
        return
    axes.set_ylabel("norm, log scale")
    steps, norms, thresholds, clipped = (
        np.concatenate([block[name] for block in history.clips])
        for name in ("step", "norm", "threshold", "clipped")
    )
    clipped = clipped > 0
    draw_norms(axes, steps, norms, thresholds, clipped)
    share = clipped_share(clipped)
    axes.set_title(f"Gradient norm per update ({share})", loc="left", fontsize=11)
    # A run that diverges has norms that no axis reaches.
    shown = norms[np.isfinite(norms)]
    if shown.size:
        # Norms near 0 come from the first few updates; they would stretch the axis.
        axes.set_ylim(bottom=max(shown.min(), np.percentile(shown, 0.1) / 2))
    legend_above(axes)


def running_mean(values: np.ndarray, window: int) -> np.ndarray:
    """Mean of the last `window` values at each place, of fewer at the start."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(1, len(sums))
    starts = np.maximum(ends - window, 0)
    return (sums[ends] - sums[starts]) / (ends - starts)
