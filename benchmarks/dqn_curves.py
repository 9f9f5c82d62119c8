"""Draws learning curves: the interquartile mean over seeds and its uncertainty."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

BLUE, BLACK = "#0072B2", "#222222"


def interquartile_mean(values: np.ndarray) -> np.ndarray:
    """Mean of the middle half of the rows, shape `(columns,)`."""
    ordered = np.sort(values, axis=0)
    cut = len(ordered) // 4
    return ordered[cut : len(ordered) - cut].mean(axis=0)


def bootstrap_band(values: np.ndarray, draws: int = 2000) -> np.ndarray:
    """The 2.5th and 97.5th percentile of the mean over redrawn rows."""
    generator = np.random.default_rng(0)
    rows = generator.integers(len(values), size=(draws, len(values)))
    means = np.stack([interquartile_mean(values[row]) for row in rows])
    return np.percentile(means, [2.5, 97.5], axis=0)


def draw_curves(
    path: Path, runs: dict[str, list[dict[str, Any]]], bars: dict[str, float]
) -> None:
    """Draws one panel per environment.

    Args:
        path: The PNG to write.
        runs: Lines of the score files by environment; empty ones are left out.
        bars: The score that each environment is held to.
    """
    runs = {env_id: lines for env_id, lines in runs.items() if lines}
    figure = Figure(figsize=(11, 7), dpi=130, layout="constrained")
    panels = figure.subplots(2, 2).ravel()
    for axes, (env_id, lines) in zip(panels, runs.items()):
        steps = np.array([step for step, _ in lines[0]["curve"]])
        values = np.array([[value for _, value in line["curve"]] for line in lines])
        low, high = bootstrap_band(values)
        for value in values:
            axes.plot(steps, value, color=BLUE, alpha=0.18, linewidth=0.8)
        axes.fill_between(steps, low, high, color=BLUE, alpha=0.25, linewidth=0)
        mean = interquartile_mean(values)
        axes.plot(steps, mean, color=BLUE, linewidth=2.2)
        axes.axhline(bars[env_id], color=BLACK, linestyle="--", linewidth=1)
        axes.set_title(f"{env_id}, {len(lines)} seeds", loc="left", fontsize=11)
        axes.set_xlabel("environment steps")
        axes.set_ylabel("greedy return")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="#e6e6e6", linewidth=0.8)
    for axes in panels[len(runs) :]:
        axes.set_visible(False)
    figure.suptitle(
        "Greedy evaluations during training: interquartile mean, "
        "95 % bootstrap band, each seed, and the bar",
        fontsize=11,
    )
    figure.savefig(path)
