"""QuantileClip's row."""

import numpy as np

from keras_gradclip import QuantileClip

from .rule import NEGATIVE, NOT_POSITIVE, Rule


def decide(
    norms,
    observed,
    memory,
    weights,
    quantile=0.5,
    learning_rate=0.2,
    initial_threshold=1.0,
):
    before = memory.setdefault("threshold", np.full(len(norms), initial_threshold))
    factor = np.exp(-learning_rate * ((norms <= before) - quantile))
    memory["threshold"] = np.where(observed, before * factor, before)
    return before


ROWS = {
    "QuantileClip": Rule(
        QuantileClip,
        tight={"initial_threshold": 0.1},
        loose={"initial_threshold": 1e29, "learning_rate": 1e-3},
        every={"quantile": 0.8, "learning_rate": 0.1, "initial_threshold": 2.0},
        bad={
            "quantile": [1.1, *NEGATIVE],
            "learning_rate": NOT_POSITIVE,
            "initial_threshold": NOT_POSITIVE,
        },
        allowed={"quantile": [0, 1]},
        scheduled={"quantile": (0.2, 0.9), "learning_rate": (0.1, 0.4)},
        # Halved where the norm is not above it, doubled where it is.
        answers=(
            (
                {"learning_rate": 2 * np.log(2.0)},
                [0.5, 9.0, 9.0],
                [1.0, 0.5, 1.0],
            ),
        ),
        overhead={"QuantileClip global": {}},
        decide=decide,
    )
}
