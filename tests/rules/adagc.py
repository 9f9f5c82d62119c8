"""AdaGC's row."""

import numpy as np

from keras_gradclip import AdaGC

from .rule import NOT_A_COUNT, NOT_A_SHARE, NOT_POSITIVE, Rule


def decide(
    norms,
    observed,
    memory,
    weights,
    absolute_threshold=1.0,
    relative_threshold=1.04,
    decay=0.99,
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
            own["average"] = decay * own["average"] + (1 - decay) * clipped
        own["count"] += 1
    return thresholds


ROWS = {
    "AdaGC": Rule(
        AdaGC,
        tight={"absolute_threshold": 0.1, "warmup_steps": 2},
        loose={
            "relative_threshold": 1e15,
            "absolute_threshold": 1e30,
            "warmup_steps": 2,
        },
        every={
            "relative_threshold": 1.2,
            "absolute_threshold": 0.4,
            "decay": 0.6,
            "warmup_steps": 2,
        },
        bad={
            "relative_threshold": [0.99, *NOT_POSITIVE],
            "absolute_threshold": NOT_POSITIVE,
            "decay": NOT_A_SHARE,
            "warmup_steps": NOT_A_COUNT,
        },
        allowed={"relative_threshold": [1], "decay": [0], "warmup_steps": [1]},
        scheduled={
            "relative_threshold": (1.0, 1.5, {"warmup_steps": 1}),
            "absolute_threshold": (0.2, 0.5),
        },
        # The smallest of the warm-up is 1; then .5 * 1 + .5 * 2.
        answers=(
            (
                {
                    "relative_threshold": 2.0,
                    "absolute_threshold": 3.0,
                    "decay": 0.5,
                    "warmup_steps": 2,
                },
                [4.0, 1.0, 4.0, 1.0],
                [3.0, 1.0, 2.0, 3.0],
            ),
        ),
        overhead={"AdaGC variable": {}},
        decide=decide,
    )
}
