"""The rules once more, in NumPy, float64 and plain loops: the model to check by.

What stands here is common to the rules; the NumPy twin of each is in its row of
the table. Nothing is shared with the package.
"""

from typing import Any, NamedTuple

import numpy as np
from rules import RULES

Arrays = list[np.ndarray]


class Clipped(NamedTuple):
    gradients: Arrays
    norms: np.ndarray
    thresholds: np.ndarray
    scales: np.ndarray


class NumpyClipper:
    """One rule of the table at one scope, with its memory.

    Args:
        rule: A key of `RULES`.
        arguments: The rule's own.
        scope: As everywhere.
        layers: For each variable the number of its layer.
    """

    def __init__(
        self, rule: str, arguments: dict[str, Any], scope: str, layers: list[int]
    ):
        self.row, self.scope, self.layers = RULES[rule], scope, layers
        self.arguments = arguments
        self.memory: dict[Any, Any] = {}
        links = self.row.links(**arguments) if self.row.links else []
        self.links = [NumpyClipper(name, own, scope, layers) for name, own in links]

    def __call__(self, gradients: Arrays, weights: Arrays) -> Clipped:
        if self.links:
            done = []
            for link in self.links:
                done.append(link(gradients, weights))
                gradients = done[-1].gradients
            records = map(np.concatenate, zip(*(clipped[1:] for clipped in done)))
            return Clipped(gradients, *records)
        finite = all(np.isfinite(g).all() for g in gradients)
        if not finite:
            gradients = [np.zeros_like(g) for g in gradients]
        if self.row.elements:
            elements, arguments = self.row.elements, self.arguments
            memories = [self.memory.setdefault(i, {}) for i in range(len(gradients))]
            pairs = zip(gradients, memories)
            return self._effect(gradients, [elements(*p, **arguments) for p in pairs])
        pieces = self._pieces(gradients)
        norms = np.array([_norm(piece) for piece in pieces])
        of_weights = np.array([_norm(piece) for piece in self._pieces(weights)])
        self.memory["sizes"] = [sum(a.size for a in piece) for piece in pieces]
        thresholds = self.row.decide(
            norms,
            np.logical_and(finite, norms > 0),
            self.memory,
            of_weights,
            **self.arguments,
        )
        scales = (self.row.scales or _down_to)(norms, thresholds)
        clipped = self._scaled(gradients, scales)
        if self.scope == "unit":
            return self._effect(gradients, clipped)
        return Clipped(clipped, norms, thresholds, scales)

    def _effect(self, before: Arrays, after: Arrays) -> Clipped:
        """What a rule that works below the level of groups records of them."""
        groups = "global" if self.scope == "unit" else self.scope
        norms, left = (
            np.array([_norm(p) for p in _pieces(groups, self.layers, gradients)])
            for gradients in (before, after)
        )
        scales = np.where(norms > 0, left / np.maximum(norms, 1e-300), 1.0)
        return Clipped(after, norms, left, scales)

    def _pieces(self, arrays: Arrays) -> list[Arrays]:
        return _pieces(self.scope, self.layers, arrays)

    def _scaled(self, gradients: Arrays, scales: np.ndarray) -> Arrays:
        if self.scope != "unit":
            group = _group_of(self.scope, self.layers)
            return [g * scales[group[i]] for i, g in enumerate(gradients)]
        remaining = iter(scales)
        return [
            g * [next(remaining) for _ in range(g.shape[1])]
            if g.ndim == 2
            else g * next(remaining)
            for g in gradients
        ]


def _down_to(norms: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    return np.where(norms > thresholds, thresholds / np.maximum(norms, 1e-300), 1)


def _norm(arrays: Arrays) -> float:
    return float(np.sqrt(sum(np.sum(np.square(a)) for a in arrays)))


def _group_of(scope: str, layers: list[int]) -> list[int]:
    return {
        "global": [0] * len(layers),
        "layer": layers,
        "variable": list(range(len(layers))),
    }[scope]


def _pieces(scope: str, layers: list[int], arrays: Arrays) -> list[Arrays]:
    """The arrays of each group; at scope "unit" the columns of each kernel."""
    if scope == "unit":
        columns = [list(a.T) if a.ndim == 2 else [a] for a in arrays]
        return [[c] for column in columns for c in column]
    group = _group_of(scope, layers)
    return [
        [a for i, a in enumerate(arrays) if group[i] == g]
        for g in range(max(group) + 1)
    ]
