"""Pictures of clipping: norm against threshold over the steps.

`draw_norms` draws on axes of your own, beside whatever else a figure shows;
`plot_trace` makes a figure of a trace. Colours and dress are shared, so that
every picture of a run looks alike. Nothing here imports matplotlib before a
figure is made.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

# Okabe and Ito's colours, told apart by the colour-blind as well.
BLUE, ORANGE, VERMILION, GREEN = "#0072B2", "#E69F00", "#D55E00", "#009E73"
PURPLE, SKY, GREY, BLACK = "#CC79A7", "#56B4E9", "#999999", "#222222"

PALETTE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
"""What curves are drawn in, the first one first."""

MAX_PANELS = 6


def draw_norms(
    axes: Any,
    steps: np.ndarray,
    norms: np.ndarray,
    thresholds: np.ndarray,
    clipped: np.ndarray,
) -> None:
    """Draws the norm of each step against its threshold, on a logarithmic axis.

    Norms are points, in another colour where they were clipped; the threshold is
    a line, with a gap where there was none. A norm of NaN or inf is a cross at
    the foot.

    Args:
        axes: Matplotlib axes to draw on. Title, labels of the axes and legend
            are left to the caller.
        steps: Where each step stands, shape `(steps,)`.
        norms: Norms before clipping, same shape.
        thresholds: The bounds, same shape; inf where there was none.
        clipped: Whether each step was scaled down, same shape, boolean.
    """
    # Norms of 0 and inf have no place on a logarithmic axis.
    shown = np.isfinite(norms) & (norms > 0)
    size = np.clip(5000 / max(len(steps), 1), 3.0, 14.0)
    for chosen, colour, label in (
        (shown & ~clipped, BLUE, "norm"),
        (shown & clipped, ORANGE, "norm, clipped"),
    ):
        axes.scatter(
            steps[chosen], norms[chosen], s=size, color=colour, linewidths=0,
            label=label,
        )  # fmt: skip
    bound = np.where(np.isfinite(thresholds) & (thresholds > 0), thresholds, np.nan)
    axes.plot(steps, bound, color=BLACK, linewidth=1.6, label="threshold")
    broken = steps[~np.isfinite(norms)]
    if len(broken):
        axes.plot(
            broken, np.full(len(broken), 0.02), "x", color=VERMILION,
            transform=axes.get_xaxis_transform(), label="NaN or inf",
        )  # fmt: skip
    if shown.any():
        axes.set_yscale("log")


def clipped_share(clipped: np.ndarray) -> str:
    """The share of steps that were clipped, in words; none of no steps."""
    return f"{np.mean(clipped):.0%} clipped" if len(clipped) else ""


def dress_axes(axes: Any) -> None:
    """Takes away what distracts: two of four spines, all but faint lines."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)


def legend_above(axes: Any) -> None:
    """Puts a legend beside the title, where no point can be."""
    legend = axes.legend(
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=4,
        fontsize="small",
        frameon=False,
        borderaxespad=0.2,
    )
    for handle in legend.legend_handles:
        # The points of a long run are too small to tell their colour.
        if hasattr(handle, "set_sizes"):
            handle.set_sizes([20.0])


def plot_trace(
    trace: dict[str, np.ndarray],
    names: Sequence[str],
    path: str | Path,
    groups: Sequence[str] | None = None,
) -> Path:
    """Draws one panel for each group and writes the picture to `path`.

    Args:
        trace: As `ClipMonitor.trace`.
        names: The names of all groups.
        path: Where to write; the suffix sets the format.
        groups: The names to draw. Defaults to `None`, the first six.

    Returns:
        The path.

    Raises:
        ImportError: If matplotlib is missing.
        ValueError: If `groups` names one that there is not.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "Plotting needs matplotlib: pip install matplotlib"
        ) from error
    chosen = list(names[:MAX_PANELS] if groups is None else groups)
    unknown = set(chosen) - set(names)
    if unknown or not chosen:
        raise ValueError(
            f"`groups` must be among {list(names)}. Received: groups={groups!r}"
        )
    figure = Figure(figsize=(8, 0.9 + 2.4 * len(chosen)), layout="constrained")
    panels = figure.subplots(len(chosen), 1, sharex=True, squeeze=False)[:, 0]
    for panel, name in zip(panels, chosen):
        group = list(names).index(name)
        norms, thresholds, scales = (
            trace[key][:, group] for key in ("norm", "threshold", "scale")
        )
        clipped = scales < 1
        draw_norms(panel, trace["step"], norms, thresholds, clipped)
        title = f"{name}  ({clipped_share(clipped)})"
        panel.set_title(title, loc="left", fontsize="medium")
        panel.set_ylabel("gradient norm")
        dress_axes(panel)
    legend_above(panels[0])
    panels[-1].set_xlabel("update")
    panels[-1].xaxis.get_major_locator().set_params(integer=True)
    path = Path(path)
    figure.savefig(path, dpi=150)
    return path
