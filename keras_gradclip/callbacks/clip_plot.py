"""The picture of a trace: norm against threshold over the steps."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

# Okabe and Ito's colours, told apart by the colour-blind as well.
BLUE, ORANGE, VERMILION, GREY = "#0072B2", "#E69F00", "#D55E00", "#999999"

MAX_PANELS = 6


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
        _draw(panel, trace, list(names).index(name), name)
    # Beside the title, where no point can be.
    panels[0].legend(
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=4,
        fontsize="small",
        frameon=False,
        borderaxespad=0.2,
    )
    panels[-1].set_xlabel("update")
    panels[-1].xaxis.get_major_locator().set_params(integer=True)
    path = Path(path)
    figure.savefig(path, dpi=150)
    return path


def _draw(panel: Any, trace: dict[str, np.ndarray], group: int, name: str) -> None:
    steps = trace["step"]
    norms, thresholds, scales = (
        trace[key][:, group] for key in ("norm", "threshold", "scale")
    )
    # Norms of 0 and inf have no place on a logarithmic axis.
    shown = np.isfinite(norms) & (norms > 0)
    clipped = shown & (scales < 1)
    size = np.clip(5000 / max(len(steps), 1), 2.0, 14.0)
    drawn = {"s": size, "linewidths": 0}
    panel.scatter(
        steps[shown & ~clipped], norms[shown & ~clipped], color=BLUE,
        label="norm", **drawn,
    )  # fmt: skip
    panel.scatter(
        steps[clipped], norms[clipped], color=ORANGE, label="norm, clipped", **drawn
    )
    bound = np.where(np.isfinite(thresholds) & (thresholds > 0), thresholds, np.nan)
    panel.plot(steps, bound, color="black", linewidth=1.2, label="threshold")
    broken = steps[~np.isfinite(norms)]
    if len(broken):
        panel.plot(
            broken, np.full(len(broken), 0.02), "x", color=VERMILION,
            transform=panel.get_xaxis_transform(), label="NaN or inf",
        )  # fmt: skip
    if shown.any():
        panel.set_yscale("log")
    share = f"{np.mean(scales < 1):.0%} clipped" if len(scales) else ""
    panel.set_title(f"{name}  ({share})", loc="left", fontsize="medium")
    panel.set_ylabel("gradient norm")
    panel.grid(color=GREY, alpha=0.25, linewidth=0.5)
    panel.spines[["top", "right"]].set_visible(False)
