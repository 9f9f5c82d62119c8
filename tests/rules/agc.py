"""AGC's row."""

import numpy as np

from keras_gradclip import AGC

from .rule import ALL_SCOPES, NOT_POSITIVE, Rule


def decide(norms, observed, memory, weights, clip_factor, epsilon=1e-3):
    return clip_factor * np.maximum(weights, epsilon)


ROWS = {
    "AGC": Rule(
        AGC,
        tight={"clip_factor": 0.01},
        loose={"clip_factor": 1e30},
        every={
            "clip_factor": 0.2,
            "epsilon": 0.3,
            "unit_axes": {"dense/kernel": (1,), "head": (-1,)},
        },
        bad={
            "clip_factor": NOT_POSITIVE,
            "epsilon": NOT_POSITIVE,
            "unit_axes": [5, "kernel", ["kernel"], {"(": [0]}, {3: [0]}],
        },
        scheduled={"clip_factor": (0.1, 0.01)},
        # The weights of `run` are (3, 4).
        answers=(({"clip_factor": 0.1, "scope": "variable"}, [0.1, 9.0], [0.5, 0.5]),),
        overhead={
            "AGC unit": {},
            "AGC variable": {"scope": "variable"},
        },
        scopes=ALL_SCOPES,
        decide=decide,
    )
}
