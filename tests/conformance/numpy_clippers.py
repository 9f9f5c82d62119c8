"""The rules once more, in NumPy, float64 and plain loops: the model to check by.

Nothing here is shared with the package. A rule is a function from its
arguments, the norms of all groups and its own memory, a dict that starts
empty, to thresholds.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from rules import RULES

Arrays = list[np.ndarray]

# From 1e-10 to 1e10, at most 1 % apart.
EDGES = np.geomspace(1e-10, 1e10, int(np.ceil(np.log(1e20) / np.log(1.01))) + 1)


def clip_by_norm(norms, observed, memory, weights, max_norm):
    return np.full(len(norms), max_norm)


def autoclip(norms, observed, memory, weights, percentile, window=None):
    thresholds = []
    for g, norm in enumerate(norms):
        seen = memory.setdefault(g, [])
        if observed[g]:
            seen.append(norm)
        kept = np.sort(seen[-window:] if window else seen)
        if window is None and len(kept):
            # The sketch rounds each value up to an edge, the largest excepted.
            kept = np.minimum(EDGES[np.searchsorted(EDGES, kept)], kept[-1])
        thresholds.append(np.percentile(kept, percentile) if len(kept) else np.inf)
    return np.array(thresholds)


def agc(norms, observed, memory, weights, clip_factor):
    return clip_factor * np.maximum(weights, 1e-3)


def zclip(norms, observed, memory, weights, z_threshold=2.5, warmup_steps=25):
    thresholds = np.full(len(norms), np.inf)
    for g, norm in enumerate(norms):
        own = memory.setdefault(g, {"warmup": []})
        if "mean" not in own:
            if observed[g]:
                own["warmup"].append(norm)
            if len(own["warmup"]) == warmup_steps:
                own["mean"] = np.mean(own["warmup"])
                own["variance"] = np.var(own["warmup"])
            continue
        deviation = np.sqrt(own["variance"])
        z = (norm - own["mean"]) / (deviation + 1e-6)
        edge = own["mean"] + z_threshold * deviation
        is_spike = z > z_threshold
        thresholds[g] = (
            own["mean"] + z_threshold**2 / z * deviation
            if is_spike
            else max(edge, norm)
        )
        if observed[g]:
            kept = thresholds[g] if is_spike else norm
            own["mean"] = 0.97 * own["mean"] + 0.03 * kept
            squared = (kept - own["mean"]) ** 2
            own["variance"] = 0.97 * own["variance"] + 0.03 * squared
    return thresholds


def adagc(
    norms,
    observed,
    memory,
    weights,
    absolute_threshold=1.0,
    relative_threshold=1.05,
    warmup_steps=100,
):
    joint = np.sqrt(np.sum(np.square(norms)))
    thresholds = norms * min(1.0, absolute_threshold / joint) if joint else norms
    thresholds = np.array(thresholds, "float64")
    for g, norm in enumerate(norms):
        own = memory.setdefault(g, {"count": 0, "average": np.inf})
        if own["count"] >= warmup_steps:
            thresholds[g] = relative_threshold * own["average"]
        if not observed[g]:
            continue
        clipped = min(norm, thresholds[g])
        if own["count"] < warmup_steps:
            own["average"] = min(own["average"], clipped)
        else:
            own["average"] = 0.98 * own["average"] + 0.02 * clipped
        own["count"] += 1
    return thresholds


def quantile_clip(
    norms, observed, memory, weights, initial_threshold=1.0, learning_rate=0.2
):
    before = memory.setdefault("threshold", np.full(len(norms), initial_threshold))
    factor = np.exp(-learning_rate * ((norms <= before) - 0.5))
    memory["threshold"] = np.where(observed, before * factor, before)
    return before


DECIDE: dict[str, Callable[..., np.ndarray]] = {
    "ClipByNorm": clip_by_norm,
    "AutoClip": autoclip,
    "AutoClip_window": autoclip,
    "AGC": agc,
    "ZClip": zclip,
    "AdaGC": adagc,
    "QuantileClip": quantile_clip,
}


class Clipped(NamedTuple):
    gradients: Arrays
    norms: np.ndarray
    thresholds: np.ndarray
    scales: np.ndarray


class NumpyClipper:
    """One rule of the table at one scope, with its memory.

    Args:
        rule: A key of `RULES`.
        kind: "tight" or "loose".
        scope: As everywhere.
        layers: For each variable the number of its layer.
    """

    def __init__(self, rule: str, kind: str, scope: str, layers: list[int]):
        self.rule, self.scope, self.layers = rule, scope, layers
        self.arguments: dict[str, Any] = getattr(RULES[rule], kind)
        self.memory: dict[Any, Any] = {}
        if rule == "Chain":
            percentile, max_norm = self.arguments.values()
            links = [NumpyClipper(n, kind, scope, layers) for n in _LINKS]
            links[0].arguments = {"percentile": percentile}
            links[1].arguments = {"max_norm": max_norm}
            self.links = links

    def __call__(self, gradients: Arrays, weights: Arrays) -> Clipped:
        if self.rule == "Chain":
            first = self.links[0](gradients, weights)
            second = self.links[1](first.gradients, weights)
            records = map(np.concatenate, zip(first[1:], second[1:]))
            return Clipped(second.gradients, *records)
        finite = all(np.isfinite(g).all() for g in gradients)
        if not finite:
            gradients = [np.zeros_like(g) for g in gradients]
        if self.rule == "ClipByValue":
            bound = self.arguments["value"]
            return self._effect(
                gradients, [np.clip(g, -bound, bound) for g in gradients]
            )
        pieces = self._pieces(gradients)
        norms = np.array([_norm(piece) for piece in pieces])
        of_weights = np.array([_norm(piece) for piece in self._pieces(weights)])
        thresholds = DECIDE[self.rule](
            norms,
            np.logical_and(finite, norms > 0),
            self.memory,
            of_weights,
            **self.arguments,
        )
        scales = np.where(norms > thresholds, thresholds / np.maximum(norms, 1e-300), 1)
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


_LINKS = ("AutoClip", "ClipByNorm")


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
