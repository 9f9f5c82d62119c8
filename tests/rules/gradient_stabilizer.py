"""GradientStabilizer's row."""

import numpy as np

from keras_gradclip import GradientStabilizer

from .rule import NOT_A_SHARE, NOT_POSITIVE, Rule


def decide(
    norms,
    observed,
    memory,
    weights,
    mean_decay=0.6,
    square_decay=0.999,
    epsilon=1e-12,
):
    targets = np.zeros(len(norms))
    for g, norm in enumerate(norms):
        own = memory.setdefault(g, {"steps": 0, "mean": 0.0, "square": 0.0})
        if not observed[g]:
            continue
        own["steps"] += 1
        own["mean"] = mean_decay * own["mean"] + (1 - mean_decay) * norm
        own["square"] = square_decay * own["square"] + (1 - square_decay) * norm**2
        mean = own["mean"] / (1 - mean_decay ** own["steps"])
        square = own["square"] / (1 - square_decay ** own["steps"])
        targets[g] = mean / (np.sqrt(square) + epsilon)
    return targets


def scales(norms, thresholds):
    return np.where(norms > 0, thresholds / np.maximum(norms, 1e-300), 1.0)


ROWS = {
    "GradientStabilizer": Rule(
        GradientStabilizer,
        tight={},
        loose=None,
        every={"mean_decay": 0.3, "square_decay": 0.5, "epsilon": 1e-3},
        bad={
            "mean_decay": NOT_A_SHARE,
            "square_decay": NOT_A_SHARE,
            "epsilon": NOT_POSITIVE,
        },
        allowed={"mean_decay": [0], "square_decay": [0]},
        # Of the paper's version 4, and of version 3 with its own settings.
        answers=(
            (
                {},
                [1.0, 1.0, 1.0, 100.0, 1.0, 1.0],
                [1.0, 1.0, 1.0, 0.92909, 0.598028, 0.390589],
            ),
            (
                {"mean_decay": 0.7, "square_decay": 0.9, "epsilon": 1e-8},
                [1.0, 1.0, 1.0, 100.0, 1.0],
                [1.0, 1.0, 1.0, 0.743250, 0.554296],
            ),
        ),
        overhead={"GradientStabilizer variable": {}},
        is_idempotent=False,
        scales_up=True,
        decide=decide,
        scales=scales,
    )
}
