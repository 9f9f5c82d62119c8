"""Whole figures, for those who have no axes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_gradclip.plotting.inks import DARK, LIGHT, dress_axes, legend_above
from keras_gradclip.plotting.norms import clipped_share, draw_norms

MAX_PANELS = 6


def new_panels(
    count: int = 1, *, width: float = 8.0, height: float = 3.3, dark: bool = False
) -> tuple[Any, list[Any]]:
    """Returns a matplotlib figure, light or dark, and its axes, one below another.

    Args:
        count: Int >= 1. How many axes. Defaults to 1.
        width: In inches. Defaults to 8: at 150 dots an inch a README's width.
        height: Of the figure, in inches. Defaults to 3.3.
        dark: Whether the background is dark. Defaults to `False`.

    Returns:
        `(figure, axes)`, the axes a list.

    Raises:
        ImportError: If matplotlib is missing.

    Example:

    ```python
    figure, (above, below) = new_panels(2, height=6, dark=True)
    draw_distribution(above, trace["grad_norm"])
    draw_comparison(below, {"a run": trace})
    for axes in (above, below):
        dress_axes(axes)
    figure.savefig("run.png")
    ```
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "Plotting needs matplotlib: pip install matplotlib"
        ) from error
    background = (DARK if dark else LIGHT).background
    figure = Figure(
        figsize=(width, height), dpi=150, facecolor=background, layout="constrained"
    )
    axes = figure.subplots(
        count, 1, squeeze=False, subplot_kw={"facecolor": background}
    )
    return figure, list(axes[:, 0])


def plot_trace(
    trace: Mapping[str, np.ndarray],
    names: Sequence[str],
    path: str | Path,
    groups: Sequence[str] | None = None,
    *,
    dark: bool = False,
) -> Path:
    """Draws one panel for each group and writes the picture to `path`.

    Args:
        trace: As `ClipMonitor.trace`.
        names: The names of all groups.
        path: Where to write; the suffix sets the format.
        groups: The names to draw. Defaults to `None`, the first six.
        dark: Whether the background is dark. Defaults to `False`.

    Returns:
        The path.

    Raises:
        ImportError: If matplotlib is missing.
        ValueError: If `groups` names one that there is not.
    """
    chosen = list(names[:MAX_PANELS] if groups is None else groups)
    unknown = set(chosen) - set(names)
    if unknown or not chosen:
        raise ValueError(
            f"`groups` must be among {list(names)}. Received: groups={groups!r}"
        )
    height = 0.9 + 2.4 * len(chosen)
    figure, panels = new_panels(len(chosen), height=height, dark=dark)
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
        if panel is not panels[-1]:
            panel.sharex(panels[-1])
            panel.tick_params(labelbottom=False)
    legend_above(panels[0])
    panels[-1].set_xlabel("update")
    panels[-1].xaxis.get_major_locator().set_params(integer=True)
    path = Path(path)
    figure.savefig(path)
    return path
