"""ClipByNorm's row."""

import numpy as np

from keras_gradclip import ClipByNorm

from .rule import ALL_SCOPES, NOT_POSITIVE, Rule

NOT_A_BOUND = [value for value in NOT_POSITIVE if value != np.inf]


def decide(norms, observed, memory, weights, max_norm):
    return np.full(len(norms), max_norm)


ROWS = {
    "ClipByNorm": Rule(
        ClipByNorm,
        tight={"max_norm": 0.5},
        loose={"max_norm": 1e30},
        every={"max_norm": 0.7},
        bad={"max_norm": NOT_A_BOUND},
        allowed={"max_norm": [np.float32(1), np.inf]},
        scheduled={"max_norm": (1.0, 3.0)},
        answers=(({"max_norm": 2.0}, [1.0, 4.0], [2.0, 2.0]),),
        overhead={
            "ClipByNorm global": {"max_norm": 1.0},
            "ClipByNorm variable": {"max_norm": 1.0, "scope": "variable"},
        },
        scopes=ALL_SCOPES,
        decide=decide,
    )
}
