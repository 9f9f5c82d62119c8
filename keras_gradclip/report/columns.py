"""What the pictures of a page are drawn from: a run in few columns."""

from typing import Any

import numpy as np

from keras_gradclip.callbacks.trace import Trace
from keras_gradclip.report.summary import clipped_of

COLUMNS = 400
"""As many stretches of steps as can be told apart at the width of a page."""

MAX_GROUPS = 40

WHOLE = "whole gradient"


def columns_of(trace: Trace) -> dict[str, Any]:
    """Returns a run for the page, in plain lists and numbers.

    Of many groups those that were clipped most are kept.
    """
    parts = [p for p in np.array_split(np.arange(trace.steps), COLUMNS) if len(p)]
    clipped, finite = clipped_of(trace), trace.finite
    most = np.argsort(-clipped.sum(axis=0), kind="stable")[:MAX_GROUPS]
    norms, after = trace["grad_norm"], trace["grad_norm_clipped"]
    any_clipped = np.asarray(clipped.any(axis=1))
    curves = [_curve(WHOLE, norms, after, any_clipped, finite, parts)]
    for i in sorted(most):
        norms, bounds = trace["norm"][:, i], trace["threshold"][:, i]
        of_group = clipped[:, i]
        curves.append(_curve(trace.groups[i], norms, bounds, of_group, finite, parts))
    steps = trace["step"]
    return {
        "first": [int(steps[p[0]]) for p in parts],
        "last": [int(steps[p[-1]]) for p in parts],
        "broken": [int((~finite[p]).sum()) for p in parts],
        "groups": len(trace.groups),
        "curves": curves,
    }


def _curve(
    name: str,
    norms: np.ndarray,
    bounds: np.ndarray,
    clipped: np.ndarray,
    finite: np.ndarray,
    parts: list[np.ndarray],
) -> dict[str, Any]:
    """Returns one group: each column's norms, its bound, and what was clipped.

    Of the whole gradient the norm after clipping stands for the bound.
    """
    shown = finite & (norms > 0)
    known = finite & np.isfinite(bounds) & (bounds < 3e38) & (bounds > 0)
    every = norms[shown]
    percentiles = np.percentile(every, np.arange(1, 100)) if every.size else []
    return {
        "name": name,
        "low": [_number(norms[p][shown[p]], np.min) for p in parts],
        "middle": [_number(norms[p][shown[p]], np.median) for p in parts],
        "high": [_number(norms[p][shown[p]], np.max) for p in parts],
        "bound": [_number(bounds[p][known[p]], np.median) for p in parts],
        "ratio": [_ratio(norms[p], bounds[p], known[p]) for p in parts],
        "clipped": [round(float(clipped[p].mean()), 4) for p in parts],
        "percentiles": [_short(value) for value in percentiles],
    }


def _ratio(norms: np.ndarray, bounds: np.ndarray, known: np.ndarray) -> float | None:
    return _number(norms[known] / bounds[known], np.max)


def _number(values: np.ndarray, of: Any) -> float | None:
    return _short(of(values)) if values.size else None


def _short(value: Any) -> float:
    return float(f"{value:.4g}")
