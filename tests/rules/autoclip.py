"""AutoClip's rows: all norms so far, and the last few."""

import numpy as np

from keras_gradclip import AutoClip

from .rule import NEGATIVE, Rule

# From 1e-10 to 1e10, at most 1 % apart.
EDGES = np.geomspace(1e-10, 1e10, int(np.ceil(np.log(1e20) / np.log(1.01))) + 1)


def decide(norms, observed, memory, weights, percentile, window=None):
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


def _windows(scope, *windows):
    return {
        f"AutoClip {scope}, "
        + ("whole history" if window is None else f"window {window}"): {
            "window": window,
            "scope": scope,
        }
        for window in windows
    }


_BAD = {
    "percentile": [100.1, *NEGATIVE],
    "window": [0, -1, 1.5, 2.0, "3", True],
}

ROWS = {
    "AutoClip": Rule(
        AutoClip,
        tight={"percentile": 10.0},
        loose={"percentile": 100.0},
        every={"percentile": 40.0, "window": 3},
        bad=_BAD,
        allowed={"percentile": [0, 100], "window": [1, np.int64(3)]},
        scheduled={"percentile": (10.0, 60.0)},
        # At 100 the sketch is exact.
        answers=(({"percentile": 100.0}, [2.0, 5.0, 3.0], [2.0, 5.0, 5.0]),),
        overhead=_windows("global", None, 128, 1024, 8192)
        | _windows("layer", None, 1024)
        | _windows("variable", None, 1024),
        # The percentile moves when the current norm does.
        is_idempotent=False,
        # The sketch may round a value to the other side of an edge.
        rounding=0.011,
        decide=decide,
    ),
    "AutoClip_window": Rule(
        AutoClip,
        tight={"percentile": 10.0, "window": 2},
        loose={"percentile": 100.0, "window": 2},
        every={"percentile": 40.0, "window": 3},
        bad=_BAD,
        scheduled={"percentile": (10.0, 60.0, {"window": 4})},
        answers=(
            ({"percentile": 50.0, "window": 2}, [1.0, 3.0, 7.0], [1.0, 2.0, 5.0]),
        ),
        is_idempotent=False,
        decide=decide,
    ),
}
