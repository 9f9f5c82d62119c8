"""The norm of each step against its threshold."""

from typing import Any

import numpy as np

from keras_gradclip.plotting.inks import count_in_full, inks_of

DENSE = 20_000
"""From so many steps on points would only hide each other: their density is
drawn."""

COLUMNS, ROWS = 500, 160
"""The cells of a density."""

LINE = 2_000
"""So many steps of a threshold are more than a picture has columns."""


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
    the foot. Of very many steps the density of the points is drawn.

    Args:
        axes: Matplotlib axes to draw on. Title, labels of the axes and legend
            are left to the caller.
        steps: Where each step stands, shape `(steps,)`.
        norms: Norms before clipping, same shape.
        thresholds: The bounds, same shape; inf where there was none.
        clipped: Whether each step was scaled down, same shape, boolean.

    Example:

    ```python
    figure, axes = pyplot.subplots()
    trace = monitor.trace
    norm, threshold, scale = (trace[n][:, 0] for n in ("norm", "threshold", "scale"))
    draw_norms(axes, trace["step"], norm, threshold, scale < 1)
    ```
    """
    inks = inks_of(axes)
    # Norms of 0 and inf have no place on a logarithmic axis.
    shown = np.isfinite(norms) & (norms > 0)
    kinds = (
        (shown & ~clipped, inks.norm, "norm"),
        (shown & clipped, inks.clipped, "norm, clipped"),
    )
    size = np.clip(5000 / max(len(steps), 1), 3.0, 14.0)
    for chosen, colour, label in kinds:
        x, y = steps[chosen], norms[chosen]
        if len(x) > DENSE:
            _draw_density(axes, x, y, (steps[0], steps[-1] + 1), colour)
            x = y = np.zeros(0)
        # Also where there is none: for the legend.
        axes.scatter(x, y, s=size, color=colour, linewidths=0, label=label)
    every = max(len(steps) // LINE, 1)
    bound = thresholds[::every]
    bound = np.where(np.isfinite(bound) & (bound > 0) & (bound < 3e38), bound, np.nan)
    axes.plot(
        steps[::every], bound, color=inks.threshold, linewidth=1.6, label="threshold"
    )
    broken = steps[~np.isfinite(norms)]
    if len(broken):
        broken = broken[:: max(len(broken) // LINE, 1)]
        axes.plot(
            broken, np.full(len(broken), 0.02), "x", color=inks.broken,
            transform=axes.get_xaxis_transform(), label="NaN or inf",
        )  # fmt: skip
    if shown.any():
        axes.set_yscale("log")
        count_in_full(axes, steps[-1])


def _draw_density(
    axes: Any, steps: np.ndarray, norms: np.ndarray, across: Any, colour: str
) -> None:
    from matplotlib.colors import LinearSegmentedColormap, LogNorm, to_rgba

    logs = np.log10(norms)
    up = (logs.min() - 0.01, logs.max() + 0.01)
    counts, x, y = np.histogram2d(steps, logs, (COLUMNS, ROWS), (across, up))
    # A single step must be seen still: rare norms are what one looks for.
    faint, full = to_rgba(colour, 0.35), to_rgba(colour, 1.0)
    axes.pcolormesh(
        x, 10**y, np.ma.masked_equal(counts.T, 0),
        cmap=LinearSegmentedColormap.from_list("density", [faint, full]),
        norm=LogNorm(1, max(counts.max(), 2)), rasterized=True,
    )  # fmt: skip


def clipped_share(clipped: np.ndarray) -> str:
    """The share of steps that were clipped, in words; none of no steps."""
    return f"{np.mean(clipped):.0%} clipped" if len(clipped) else ""
