"""Colours and dress, shared so that every picture of a run looks alike."""

from typing import Any, NamedTuple

# Okabe and Ito's colours, told apart by the colour-blind as well.
BLUE, ORANGE, VERMILION, GREEN = "#0072B2", "#E69F00", "#D55E00", "#009E73"
PURPLE, SKY, GREY, BLACK = "#CC79A7", "#56B4E9", "#999999", "#222222"
YELLOW, PAPER, NIGHT = "#F0E442", "#FFFFFF", "#0D1117"

PALETTE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
"""What curves are drawn in, the first one first."""


class Inks(NamedTuple):
    """What is drawn in which colour on one background."""

    text: str
    faint: str
    """Lines of the grid."""

    norm: str
    clipped: str
    threshold: str
    broken: str
    background: str
    curves: tuple[str, ...]


LIGHT = Inks(BLACK, "#e6e6e6", BLUE, ORANGE, BLACK, VERMILION, PAPER, PALETTE)
DARK = Inks(
    text="#e6edf3",
    faint="#30363d",
    norm=SKY,
    clipped=ORANGE,
    threshold="#ffffff",
    broken="#ff7b3d",
    background=NIGHT,
    curves=(SKY, ORANGE, "#2fd3a5", PURPLE, YELLOW, "#ff7b3d", "#e6edf3"),
)


def inks_of(axes: Any) -> Inks:
    """Returns the colours that are seen on the background of these axes."""
    from matplotlib.colors import to_rgba

    shown = [to_rgba(axes.get_facecolor()), to_rgba(axes.figure.get_facecolor())]
    red, green, blue, _ = next((c for c in shown if c[3] > 0.5), to_rgba(PAPER))
    return DARK if 0.299 * red + 0.587 * green + 0.114 * blue < 0.5 else LIGHT


def dress_axes(axes: Any) -> None:
    """Takes away what distracts: two of four spines, all but faint lines."""
    inks = inks_of(axes)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color=inks.faint, linewidth=0.8)
    axes.set_axisbelow(True)
    if inks is LIGHT:
        return
    axes.spines[["left", "bottom"]].set_color(inks.text)
    axes.tick_params(which="both", colors=inks.text)
    texts = [*axes.get_children(), axes.xaxis.label, axes.yaxis.label]
    for text in texts:
        # What has a colour of its own keeps it.
        if hasattr(text, "get_fontsize") and text.get_color() == "black":
            text.set_color(inks.text)


def count_in_full(axes: Any, last: float) -> None:
    """Writes large numbers of steps as people do, and not as "0.2 1e6"."""
    if last >= 10_000:
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")


def legend_above(axes: Any) -> None:
    """Puts a legend beside the title, where no point can be."""
    legend = axes.legend(
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=4,
        fontsize="small",
        frameon=False,
        borderaxespad=0.2,
        labelcolor=inks_of(axes).text,
    )
    for handle in legend.legend_handles:
        # The points of a long run are too small to tell their colour.
        if hasattr(handle, "set_sizes"):
            handle.set_sizes([20.0])
