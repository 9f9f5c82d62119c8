"""Several runs in one picture."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_gradclip.plotting.inks import count_in_full, inks_of

COLUMNS = 150
"""So many stretches of a run have a median each."""

LINES = ("-", "--", "-.", ":")


def draw_comparison(axes: Any, runs: Mapping[str, Any]) -> None:
    """Draws the norm of the whole gradient of several runs over their steps.

    A line is the median of a stretch of steps, the band around it goes from the
    10th to the 90th percentile. Runs differ in colour and in the dashes of their
    line, so that they are told apart in black and white, too.

    Args:
        axes: Matplotlib axes to draw on; title and legend are the caller's.
        runs: Names and `Trace`s, at most seven.

    Raises:
        ValueError: If there are none or too many.

    Example:

    ```python
    figure, axes = pyplot.subplots()
    draw_comparison(axes, {"plain": plain.trace, "clipped": clipped.trace})
    axes.legend()
    ```
    """
    inks = inks_of(axes)
    if not 0 < len(runs) <= len(inks.curves):
        raise ValueError(
            f"`runs` must be 1 to {len(inks.curves)} traces by name. Received: "
            f"runs={list(runs)}"
        )
    for i, (name, trace) in enumerate(runs.items()):
        at, low, middle, high = _stretches(trace)
        colour, line = inks.curves[i], LINES[i % len(LINES)]
        axes.fill_between(at, low, high, color=colour, alpha=0.18, linewidth=0)
        axes.plot(at, middle, line, color=colour, linewidth=1.8, label=name)
        count_in_full(axes, at[-1] if len(at) else 0)
    axes.set_yscale("log")
    axes.set_xlabel("update")
    axes.set_ylabel("gradient norm")


def _stretches(trace: Any) -> tuple[np.ndarray, ...]:
    """Returns the middle of each stretch, and percentiles of its norms."""
    norms = trace["grad_norm"]
    shown = np.isfinite(norms) & (norms > 0)
    steps, norms = trace["step"][shown], norms[shown]
    pieces = min(COLUMNS, max(len(norms) // 8, 1))
    parts = [p for p in np.array_split(np.arange(len(norms)), pieces) if len(p)]
    at = np.array([steps[p].mean() for p in parts])
    levels = np.array([np.percentile(norms[p], (10, 50, 90)) for p in parts])
    return at, *levels.reshape(-1, 3).T
