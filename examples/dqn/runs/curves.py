"""What several seeds have in common: the interquartile mean and its uncertainty."""

from typing import NamedTuple

import numpy as np


class Curve(NamedTuple):
    """Runs that differ in nothing but the seed."""

    label: str
    steps: np.ndarray
    """Environment steps, shape `(columns,)`."""
    values: np.ndarray
    """One row per run, shape `(runs, columns)`."""


FEWEST = 4
"""Runs that have a lowest and a highest quarter to leave out."""


def interquartile_mean(values: np.ndarray) -> np.ndarray:
    """Mean of the middle half of the rows, shape `(columns,)`.

    One lucky or lost seed moves it little, and it uses more of the rows than the
    median does. Fewer than four rows have no quarter to leave out: it is their
    plain mean.

    References:
        Agarwal et al., Deep Reinforcement Learning at the Edge of the Statistical
        Precipice, 2021. https://arxiv.org/abs/2108.13264
    """
    ordered = np.sort(values, axis=0)
    cut = len(ordered) // FEWEST
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
