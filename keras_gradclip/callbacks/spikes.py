"""Steps whose gradient stood out from those before."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

WINDOW = 128
"""Over how many steps the running median goes."""

BLOCK = 64
"""How many steps are held against one median: one a step would cost more than
a small model's step."""

LEAST = 16
"""Before so many steps nothing can be said to stand out."""

MOST_KEPT = 1000
"""How many spikes are kept at most: the largest."""


class Spike(NamedTuple):
    """A step in which a group's norm stood out."""

    step: int
    """The number of the update, counted from 0."""

    group: str
    """The name of the group."""

    norm: float
    """The group's norm before clipping."""

    factor: float
    """How many times the running median of the group's norms that was."""

    deviations: float
    """How many robust standard deviations above it."""

    epoch: int
    """The epoch, counted from 0; -1 where it is not known."""

    batch: int
    """The batch in that epoch, counted from 0; -1 where it is not known."""

    optimizer: str = ""
    """What the optimizer is called, where there are several."""


class SpikeFinder:
    """Finds the norms more than `k` robust deviations above the running median.

    The median is that of the last 128 finite steps, taken anew every 64
    steps; the deviation is 1.4826 times the median distance from it, and at
    least 5 % of it, so that norms that hardly vary are no spikes.

    Args:
        groups: The names of the groups.
        k: How many deviations above the median make a spike.
        name: What the optimizer is called.
    """

    def __init__(self, groups: Sequence[str], k: float, name: str = ""):
        self._groups, self._k, self._name = tuple(groups), k, name
        self._window = np.zeros((0, len(groups)), "float32")
        self._found: list[Spike] = []

    @property
    def spikes(self) -> list[Spike]:
        """Those found so far, in the order of their steps."""
        if len(self._found) > MOST_KEPT:
            self._found = sorted(self._found, key=lambda s: -s.factor)[:MOST_KEPT]
        return sorted(self._found)

    def add(self, part: Mapping[str, np.ndarray]) -> list[Spike]:
        """Looks at further steps, and returns the spikes among them."""
        new: list[Spike] = []
        for start in range(0, len(part["step"]), BLOCK):
            block = {n: part[n][start : start + BLOCK] for n in _READ}
            if len(self._window) < LEAST:
                self._remember(block["norm"][:LEAST])
                block = {name: values[LEAST:] for name, values in block.items()}
            if len(self._window) >= LEAST:
                new += self._of_block(block)
            self._remember(block["norm"])
        self._found += new
        if len(self._found) > 2 * MOST_KEPT:
            self._found = self.spikes
        return new

    def _remember(self, norms: np.ndarray) -> None:
        finite = norms[np.isfinite(norms).all(axis=1)]
        self._window = np.concatenate([self._window, finite])[-WINDOW:]

    def _of_block(self, block: Mapping[str, np.ndarray]) -> list[Spike]:
        by_group = np.ascontiguousarray(self._window.T)
        median = _medians(by_group)
        spread = 1.4826 * _medians(np.abs(by_group - median[:, None]))
        # A group without a gradient so far has nothing to be held against.
        spread = np.where(median > 0, np.maximum(spread, 0.05 * median), np.inf)
        norms = block["norm"].astype("float64")
        finite = np.isfinite(norms)
        above = (np.where(finite, norms, 0) - median) / spread
        return [
            Spike(
                step=int(block["step"][row]),
                group=self._groups[group],
                norm=float(norms[row, group]),
                factor=float(norms[row, group] / median[group]),
                deviations=float(above[row, group]),
                epoch=int(block["epoch"][row]),
                batch=int(block["batch"][row]),
                optimizer=self._name,
            )
            for row, group in zip(*np.nonzero(finite & (above > self._k)))
        ]


def _medians(rows: np.ndarray) -> np.ndarray:
    """Returns each row's median, the upper of two: cheaper than NumPy's."""
    middle = rows.shape[1] // 2
    medians: np.ndarray = np.partition(rows, middle, axis=1)[:, middle]
    return medians


_READ = ("step", "epoch", "batch", "norm")
