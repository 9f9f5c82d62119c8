"""SkipSpikes's rows: by robust deviations, and by a fixed number alone."""

import numpy as np

from keras_gradclip import SkipSpikes

from .rule import NOT_A_COUNT, NOT_POSITIVE, Rule


def decide(
    norms,
    observed,
    memory,
    weights,
    deviations=6.0,
    window=128,
    warmup_steps=64,
    max_norm=None,
    max_in_a_row=10,
):
    thresholds = np.full(len(norms), np.inf if max_norm is None else max_norm)
    for g, norm in enumerate(norms):
        seen = memory.setdefault(g, [])
        if deviations is not None and len(seen) >= warmup_steps:
            low, median, high = np.percentile(seen[-window:], [25, 50, 75])
            deviation = max((high - low) / 1.349, 0.01 * median)
            thresholds[g] = min(thresholds[g], median + deviations * deviation)
        if observed[g]:
            seen.append(norm)
    in_a_row = memory.get("in_a_row", 0)
    if in_a_row >= max_in_a_row:
        thresholds[:] = np.inf
    if observed.any():
        is_skipped = (observed & (norms > thresholds)).any()
        memory["in_a_row"] = in_a_row + 1 if is_skipped else 0
    return thresholds


def scales(norms, thresholds):
    return np.full(len(norms), 1.0 - (norms > thresholds).any())


_NOT_POSITIVE_OR_NONE = [value for value in NOT_POSITIVE if value is not None]
_BAD = {
    "deviations": NOT_POSITIVE,
    "window": NOT_A_COUNT,
    "warmup_steps": NOT_A_COUNT,
    "max_norm": _NOT_POSITIVE_OR_NONE,
    "max_in_a_row": NOT_A_COUNT,
}
_EARLY = {"warmup_steps": 1, "window": 3}

ROWS = {
    "SkipSpikes": Rule(
        SkipSpikes,
        tight={"deviations": 0.5, "window": 4, "warmup_steps": 1, "max_in_a_row": 3},
        loose={"deviations": 1e15, "warmup_steps": 1},
        every={
            "deviations": 0.2,
            "window": 5,
            "warmup_steps": 2,
            "max_norm": 20.0,
            "max_in_a_row": 4,
        },
        bad=_BAD,
        allowed={"window": [1], "warmup_steps": [1], "max_in_a_row": [1]},
        scheduled={
            "deviations": (0.1, 3.0, _EARLY),
            "max_norm": (1.0, 30.0, {"max_in_a_row": 1}),
        },
        # Of 1, 2, 3 the quartiles are 1.5 and 2.5; of 2, 3, 9 they are 2.5 and 6,
        # about the median 3; the third 9 in a row is let through.
        answers=(
            (
                {
                    "deviations": 2.0,
                    "window": 3,
                    "warmup_steps": 3,
                    "max_in_a_row": 2,
                },
                [1.0, 2.0, 3.0, 9.0, 9.0, 9.0, 9.0],
                [
                    *[np.inf] * 3,
                    2 + 2 / 1.349,
                    3 + 2 * 3.5 / 1.349,
                    np.inf,
                    9 * 1.02,
                ],
            ),
            # Norms that are all equal: one hundredth of the median counts.
            ({"warmup_steps": 2}, [1.0, 1.0, 1.1], [np.inf, np.inf, 1.06]),
        ),
        overhead={"SkipSpikes global": {}},
        is_idempotent=False,
        skips=True,
        decide=decide,
        scales=scales,
    ),
    "SkipSpikes_max_norm": Rule(
        SkipSpikes,
        tight={"deviations": None, "max_norm": 3.0, "max_in_a_row": 2},
        loose={"deviations": None, "max_norm": 1e30},
        every={
            "deviations": None,
            "window": 6,
            "warmup_steps": 3,
            "max_norm": 2.0,
            "max_in_a_row": 5,
        },
        bad=_BAD,
        scheduled={
            "deviations": (0.1, 3.0, _EARLY),
            "max_norm": (1.0, 30.0, {"max_in_a_row": 1}),
        },
        answers=(
            (
                {"deviations": None, "max_norm": 2.0, "max_in_a_row": 1},
                [1.0, 3.0, 3.0, 3.0],
                [2.0, 2.0, np.inf, 2.0],
            ),
        ),
        is_idempotent=False,
        skips=True,
        decide=decide,
        scales=scales,
    ),
}
