"""How norms are spread, and the thresholds that percentiles would give."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_gradclip.plotting.inks import inks_of

PERCENTILES = np.arange(1, 100)
MARKED = (10, 50, 90, 99)


def draw_distribution(
    axes: Any, norms: np.ndarray, marked: Sequence[int] = MARKED
) -> None:
    """Draws how norms are spread, with the threshold of every percentile.

    The filled shape is the distribution of the norms, on a logarithmic axis. The
    line tells for each threshold, from left to right, the percentile of the norms
    that it is: what share of the steps it would leave alone. A threshold where
    the line is at 90 clips one step in ten.

    Args:
        axes: Matplotlib axes to draw on; the title is the caller's.
        norms: Norms before clipping, shape `(steps,)`. Those that are 0, NaN or
            inf are left out.
        marked: The percentiles that are written beside the line. Defaults to
            10, 50, 90 and 99.

    Example:

    ```python
    figure, axes = pyplot.subplots()
    draw_distribution(axes, monitor.trace["grad_norm"])
    ```
    """
    inks = inks_of(axes)
    shown = norms[np.isfinite(norms) & (norms > 0)]
    axes.set_xlabel("gradient norm, or a threshold for it")
    axes.set_ylabel("percentile of the norms")
    axes.set_ylim(0, 105)
    axes.set_yticks([0, 25, 50, 75, 100])
    if not len(shown):
        return
    logs = np.log10(shown)
    counts, edges = np.histogram(logs, bins=80)
    heights = 90.0 * counts / counts.max()
    axes.stairs(
        heights, 10**edges, fill=True, color=inks.norm, alpha=0.45,
        label="distribution of norms",
    )  # fmt: skip
    thresholds = np.percentile(shown, PERCENTILES)
    axes.plot(
        thresholds, PERCENTILES, color=inks.threshold, linewidth=1.6,
        label="threshold at each percentile, 1 to 99",
    )  # fmt: skip
    for percentile in marked:
        at = float(np.percentile(shown, percentile))
        axes.plot([at], [percentile], "o", color=inks.clipped, markersize=5)
        below = percentile < 50
        axes.annotate(
            f"{percentile}: {at:.3g}",
            (at, percentile),
            xytext=(7, -2) if below else (-7, 2),
            textcoords="offset points",
            ha="left" if below else "right",
            va="top" if below else "bottom",
            fontsize="small",
            color=inks.text,
        )
    axes.set_xscale("log")
