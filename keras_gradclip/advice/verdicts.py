"""What each rule and bound would have done in a run."""

from typing import Any, NamedTuple

import numpy as np

from keras_gradclip.advice.candidates import candidates
from keras_gradclip.advice.facts import PARTS, Facts, norms_of_groups
from keras_gradclip.advice.replay import CannotReplay, Replayed, replay, short
from keras_gradclip.callbacks.trace import Trace
from keras_gradclip.clippers import ClipByNorm, Clipper

FOLLOWS = 2.0
"""A threshold follows while its distance from the norms, as a factor, is within
so many times of what it is over the run as a whole."""


class Verdict(NamedTuple):
    """What one rule would have done."""

    rule: str
    clipper: Clipper
    clipped: float
    """The share of steps and groups that it would have clipped; NaN where
    norms do not tell."""

    first: float
    """The same of the first tenth of the run."""

    last: float
    """The same of the last tenth."""

    scale: float
    """The median factor where it would have clipped; 1 where nowhere."""

    lost: tuple[tuple[int, int], ...]
    """Stretches of steps, first and last, in which its threshold did not follow
    the norms: it stood more than twice as far from them, up or down, as in the
    run as a whole."""

    note: str = ""
    """Why it could not be replayed."""


def verdicts(trace: Trace, facts: Facts) -> list[Verdict]:
    """Returns a verdict on each rule, and on fixed bounds for the whole norm."""
    finite = trace.finite
    whole, of_groups = trace["grad_norm"][:, None], norms_of_groups(trace)
    found = []
    for bound in bounds(facts):
        # A bound has no memory: no replay is needed.
        with np.errstate(divide="ignore", invalid="ignore"):
            scales = np.minimum(1.0, bound / whole)
        done = Replayed(
            np.full(whole.shape, bound), np.where(finite[:, None], scales, 0)
        )
        found.append(_verdict(ClipByNorm(bound), done, whole, trace))
    for rule in candidates():
        norms = whole if getattr(rule, "scope", "global") == "global" else of_groups
        try:
            found.append(_verdict(rule, replay(rule, norms), norms, trace))
        except CannotReplay as reason:
            nan = float("nan")
            row = Verdict(short(rule), rule, nan, nan, nan, nan, (), str(reason))
            found.append(row)
    return found


def bounds(facts: Facts) -> list[float]:
    """Returns the fixed bounds that are tried, rounded as one would write them."""
    percentiles = facts.percentiles
    tried = [percentiles[50], percentiles[90], percentiles[99], 10 * facts.median]
    return sorted({rounded(bound) for bound in tried if bound > 0})


def rounded(number: float) -> float:
    """Returns a number to two digits."""
    return float(f"{number:.2g}")


def _verdict(rule: Clipper, done: Replayed, norms: np.ndarray, trace: Trace) -> Verdict:
    finite = trace.finite
    clipped = (done.scales < 1)[finite]
    scales = done.scales[finite][clipped]
    parts = np.array_split(clipped, PARTS)
    steps = trace["step"][finite]
    return Verdict(
        rule=short(rule),
        clipper=rule,
        clipped=float(clipped.mean()),
        first=_share(parts[0]),
        last=_share(parts[-1]),
        scale=float(np.median(scales)) if scales.size else 1.0,
        lost=_lost(norms[finite], done.thresholds[finite], steps),
    )


def _share(marked: np.ndarray) -> float:
    return float(marked.mean()) if marked.size else 0.0


def _lost(norms: Any, thresholds: Any, steps: Any) -> tuple[tuple[int, int], ...]:
    """Returns where the ratio of threshold to norm was not what it mostly is."""
    known = np.isfinite(thresholds) & (norms > 0) & (thresholds > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(known, np.log(thresholds / norms), np.nan)
    parts = [p[np.isfinite(p)] for p in np.array_split(ratio, PARTS)]
    medians = [np.median(p) if p.size else None for p in parts]
    there = [m for m in medians if m is not None]
    if not there:
        return ()
    usual = float(np.median(there))
    lost: list[tuple[int, int]] = []
    goes_on = False
    for median, part in zip(medians, np.array_split(steps, PARTS)):
        is_lost = median is not None and abs(median - usual) > np.log(FOLLOWS)
        if is_lost:
            first = lost.pop()[0] if goes_on else int(part[0])
            lost.append((first, int(part[-1])))
        goes_on = is_lost
    return tuple(lost)
