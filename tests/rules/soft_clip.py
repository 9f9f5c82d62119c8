"""SoftClip's row."""

import numpy as np

from keras_gradclip import SoftClip

from .rule import ALL_SCOPES, NOT_NUMBERS, NOT_POSITIVE, Rule


def decide(norms, observed, memory, weights, max_norm=1.0):
    return np.full(len(norms), max_norm)


def scales(norms, thresholds):
    """With the sharpness that is the default, 2."""
    return thresholds / np.hypot(norms, thresholds)


ROWS = {
    "SoftClip": Rule(
        SoftClip,
        tight={"max_norm": 0.1},
        loose={"max_norm": 1e30},
        every={"max_norm": 0.3, "sharpness": 3.0},
        bad={"max_norm": NOT_POSITIVE, "sharpness": [0.9, -1.0, *NOT_NUMBERS]},
        allowed={"sharpness": [1]},
        scheduled={
            "max_norm": (0.1, 0.5),
            "sharpness": (1.0, 4.0),
        },
        answers=(({"max_norm": 2.0}, [0.5, 9.0], [2.0, 2.0]),),
        overhead={"SoftClip global": {}},
        scopes=ALL_SCOPES,
        is_idempotent=False,
        last_bit=3e-7,
        decide=decide,
        scales=scales,
    )
}
