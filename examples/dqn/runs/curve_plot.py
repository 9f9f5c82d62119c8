"""One picture of several runs: each curve, and how sure it is."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from examples.dqn.errors import ConfigError
from examples.dqn.runs.curves import FEWEST, Curve, bootstrap_band, interquartile_mean
from keras_gradclip.plotting import PALETTE, dress_axes


def draw_curves(
    path: Path, curves: Sequence[Curve], ylabel: str, environments: str
) -> None:
    """Draws curves in one picture.

    Args:
        path: The PNG to write.
        curves: What to draw, each in a colour of its own.
        ylabel: What their values are.
        environments: Where they were measured, for the title.

    Raises:
        ConfigError: If the picture cannot be written.
    """
    labels = [textwrap.fill(curve.label, 120) for curve in curves]
    lines = sum(label.count("\n") + 1 for label in labels)
    # The legend must not take its room from the curves.
    figure = Figure(figsize=(9, 5 + 0.2 * lines), dpi=130, layout="constrained")
    axes = figure.subplots()
    alone = len(curves) == 1
    for index, (curve, label) in enumerate(zip(curves, labels)):
        colour = PALETTE[index % len(PALETTE)]
        draw_seeds(axes, curve.steps, curve.values, colour, label, each=alone)
    label_axes(axes, ylabel)
    title = f"{environments}: {ylabel}"
    if mean := _kind_of_mean([len(curve.values) for curve in curves]):
        title += f", {mean} and 95 % bootstrap band"
    axes.set_title(title, loc="left", fontsize=11)
    # Below, because a curve may pass through any corner.
    figure.legend(loc="outside lower left", frameon=False, fontsize=9)
    try:
        figure.savefig(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(
            f"output must be a picture that can be written ({reason}). "
            f"Received: output={path}"
        ) from error


def _kind_of_mean(runs: Sequence[int]) -> str:
    """What curves of so many runs show, nothing if each is of one."""
    several = [count for count in runs if count > 1]
    # As `interquartile_mean` has it.
    cut = {count >= FEWEST for count in several}
    if len(cut) == 2:
        return f"interquartile mean (plain mean of fewer than {FEWEST} runs)"
    return "interquartile mean" if True in cut else "mean" if cut else ""


def draw_seeds(
    axes: Axes,
    steps: np.ndarray,
    values: np.ndarray,
    colour: str,
    label: str = "",
    each: bool = True,
) -> None:
    """Draws each seed thinly, their band, and their mean on top.

    Args:
        axes: Where to.
        steps: Shape `(columns,)`.
        values: One row per seed, shape `(seeds, columns)`. One seed is only a line.
        colour: Of everything drawn.
        label: Name of the mean in the legend.
        each: Whether the seeds themselves are drawn.
    """
    if len(values) > 1:
        for row in values if each else ():
            axes.plot(steps, row, color=colour, alpha=0.18, linewidth=0.8)
        low, high = bootstrap_band(values)
        axes.fill_between(steps, low, high, color=colour, alpha=0.25, linewidth=0)
    mean = interquartile_mean(values)
    axes.plot(steps, mean, color=colour, linewidth=2.2, label=label)


def label_axes(axes: Axes, ylabel: str) -> None:
    """Names the axes of something over environment steps, and dresses them."""
    axes.set_xlabel("environment steps")
    axes.set_ylabel(ylabel)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    dress_axes(axes)
