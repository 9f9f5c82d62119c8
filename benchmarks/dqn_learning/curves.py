"""Draws learning curves, one panel per environment."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from benchmarks.dqn_learning.tasks import Task
from examples.dqn.runs.curve_plot import draw_seeds, label_axes

BLUE, BLACK = "#0072B2", "#222222"


def draw_curves(path: Path, runs: Mapping[Task, Sequence[dict[str, Any]]]) -> None:
    """Draws one panel per task.

    Args:
        path: The PNG to write.
        runs: Lines of the score files; empty ones are left out.
    """
    runs = {task: lines for task, lines in runs.items() if lines}
    lines_of_panels = (len(runs) + 1) // 2
    size = (11, 3.7 * lines_of_panels)
    figure = Figure(figsize=size, dpi=130, layout="constrained")
    panels = figure.subplots(lines_of_panels, 2, squeeze=False).ravel()
    for axes, (task, lines) in zip(panels, runs.items()):
        steps = np.array([step for step, _ in lines[0]["curve"]])
        values = np.array([[value for _, value in line["curve"]] for line in lines])
        draw_seeds(axes, steps, values, BLUE)
        axes.axhline(task.mean, color=BLACK, linestyle="--", linewidth=1)
        axes.set_title(f"{task.name}, {len(lines)} seeds", loc="left", fontsize=11)
        label_axes(axes, "greedy return")
    for axes in panels[len(runs) :]:
        axes.set_visible(False)
    figure.suptitle(
        "Greedy evaluations during training: interquartile mean, "
        "95 % bootstrap band, each seed, and the bar",
        fontsize=11,
    )
    figure.savefig(path)
