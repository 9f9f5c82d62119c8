"""Pictures of clipping, each on axes of your own.

- `draw_norms`: the norm of each step against its threshold;
- `draw_heat_map`: groups by steps, norm over threshold;
- `draw_distribution`: the norms, and the thresholds of percentiles 1 to 99;
- `draw_comparison`: the norms of several runs;
- `plot_trace`: a figure of a trace, a panel for each group.

Colours are told apart by the colour-blind, and go by the background of the axes,
so that a dark figure needs no argument; `new_panels` makes one of either kind.
Nothing here imports matplotlib before a figure is made.
"""

from keras_gradclip.plotting.comparison import draw_comparison
from keras_gradclip.plotting.distribution import draw_distribution
from keras_gradclip.plotting.figures import MAX_PANELS, new_panels, plot_trace
from keras_gradclip.plotting.heat_map import draw_heat_map
from keras_gradclip.plotting.inks import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PALETTE,
    PURPLE,
    SKY,
    VERMILION,
    Inks,
    dress_axes,
    inks_of,
    legend_above,
)
from keras_gradclip.plotting.norms import clipped_share, draw_norms

__all__ = [
    "BLACK",
    "BLUE",
    "GREEN",
    "GREY",
    "MAX_PANELS",
    "ORANGE",
    "PALETTE",
    "PURPLE",
    "SKY",
    "VERMILION",
    "Inks",
    "clipped_share",
    "draw_comparison",
    "draw_distribution",
    "draw_heat_map",
    "draw_norms",
    "dress_axes",
    "inks_of",
    "legend_above",
    "new_panels",
    "plot_trace",
]
