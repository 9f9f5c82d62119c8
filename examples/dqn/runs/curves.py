"""What several seeds have in common: the interquartile mean and its uncertainty."""

import numpy as np
from matplotlib.axes import Axes


def interquartile_mean(values: np.ndarray) -> np.ndarray:
    """Mean of the middle half of the rows, shape `(columns,)`.

    One lucky or lost seed moves it little, and it uses more of the rows than the
    median does. Fewer than four rows have no quarter to leave out.

    References:
        Agarwal et al., Deep Reinforcement Learning at the Edge of the Statistical
        Precipice, 2021. https://arxiv.org/abs/2108.13264
    """
    ordered = np.sort(values, axis=0)
    cut = len(ordered) // 4
    return ordered[cut : len(ordered) - cut].mean(axis=0)


def bootstrap_band(values: np.ndarray, draws: int = 2000) -> np.ndarray:
    """The 2.5th and 97.5th percentile of the mean over redrawn rows.

    Returns:
        Shape `(2, columns)`, always the same for the same values.
    """
    generator = np.random.default_rng(0)
    rows = generator.integers(len(values), size=(draws, len(values)))
    means = np.stack([interquartile_mean(values[row]) for row in rows])
    return np.percentile(means, [2.5, 97.5], axis=0)


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


def dress_axes(axes: Axes, ylabel: str) -> None:
    """Names the axes and takes away what distracts."""
    axes.set_xlabel("environment steps")
    axes.set_ylabel(ylabel)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)
