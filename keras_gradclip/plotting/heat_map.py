"""Groups by steps: where norms stood above their thresholds, and when."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_gradclip.plotting.inks import (
    BLUE,
    DARK,
    SKY,
    VERMILION,
    count_in_full,
    inks_of,
)

COLUMNS = 300
"""So many stretches of steps are told apart."""

WIDEST = 16.0
"""Ratios beyond this factor look like it."""


def draw_heat_map(
    axes: Any,
    steps: np.ndarray,
    norms: np.ndarray,
    thresholds: np.ndarray,
    groups: Sequence[str],
    *,
    max_groups: int = 24,
    colorbar: bool = True,
) -> None:
    """Draws norm over threshold of each group over the steps, as colours.

    A row is a group, a column a stretch of steps, of which the largest ratio is
    shown: what is above 1 was clipped. Stretches without a threshold are left
    empty. Of many groups those that were above their threshold most often are
    shown, in their order.

    Args:
        axes: Matplotlib axes to draw on; title and x label are the caller's.
        steps: Where each step stands, shape `(steps,)`.
        norms: Norms before clipping, shape `(steps, groups)`.
        thresholds: The bounds, same shape; inf where there was none.
        groups: The names of the groups.
        max_groups: Int >= 1. How many groups are shown. Defaults to 24.
        colorbar: Whether to put the scale of colours beside it. Defaults to
            `True`.

    Example:

    ```python
    trace = monitor.trace
    figure, axes = pyplot.subplots()
    draw_heat_map(
        axes, trace["step"], trace["norm"], trace["threshold"], trace.groups
    )
    ```
    """
    from matplotlib.colors import LinearSegmentedColormap, LogNorm

    inks = inks_of(axes)
    ratio = ratios(norms, thresholds)
    most = np.argsort(-(ratio > 1).sum(axis=0), kind="stable")[:max_groups]
    shown = sorted(most)
    columns = [part for part in np.array_split(ratio[:, shown], COLUMNS) if len(part)]
    largest = np.array([_largest(part) for part in columns]).T
    first, last = (int(steps[0]), int(steps[-1])) if columns else (0, 0)
    edges = np.linspace(first, last + 1, len(columns) + 1)
    cold = SKY if inks is DARK else BLUE
    colours = LinearSegmentedColormap.from_list(
        "ratio", [cold, inks.background, VERMILION]
    )
    axes.set_facecolor(inks.faint)  # shines through where there is no ratio
    if columns:
        mesh = axes.pcolormesh(
            edges, np.arange(len(shown) + 1),
            np.ma.masked_invalid(np.clip(largest, 1 / WIDEST, WIDEST)),
            cmap=colours, norm=LogNorm(1 / WIDEST, WIDEST), rasterized=True,
        )  # fmt: skip
        if colorbar:
            ticks = [1 / 16, 1 / 4, 1, 4, 16]
            bar = axes.figure.colorbar(mesh, ax=axes, ticks=ticks, pad=0.01)
            bar.ax.set_yticklabels(["1/16 or less", "1/4", "1", "4", "16 or more"])
            bar.ax.minorticks_off()
            bar.ax.tick_params(colors=inks.text, labelsize="small")
            bar.set_label("norm / threshold", color=inks.text)
            bar.outline.set_edgecolor(inks.faint)
    axes.set_yticks(np.arange(len(shown)) + 0.5, [short_name(groups[i]) for i in shown])
    axes.tick_params(axis="y", length=0, labelsize="small")
    axes.invert_yaxis()
    if len(steps):
        count_in_full(axes, steps[-1])


def ratios(norms: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Returns norm over threshold; NaN where there was none, inf where broken."""
    bounded = np.isfinite(thresholds) & (thresholds < 3e38)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.where(bounded, norms / thresholds, np.nan)
    ratio: np.ndarray = np.where(np.isfinite(norms), found, np.inf)
    return ratio


def short_name(name: str, most: int = 28) -> str:
    """Returns the end of a long name, where names differ."""
    return name if len(name) <= most else f"…{name[1 - most :]}"


def _largest(part: np.ndarray) -> np.ndarray:
    largest: np.ndarray = np.where(np.isnan(part), -1.0, part).max(axis=0)
    return np.where(largest < 0, np.nan, largest)
