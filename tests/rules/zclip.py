"""ZClip's row."""

import numpy as np

from keras_gradclip import ZClip

from .rule import NOT_A_COUNT, NOT_A_SHARE, NOT_POSITIVE, Rule


def decide(
    norms,
    observed,
    memory,
    weights,
    z_threshold=2.5,
    decay=0.97,
    warmup_steps=25,
    max_norm=np.inf,
):
    thresholds = np.full(len(norms), np.inf)
    for g, norm in enumerate(norms):
        own = memory.setdefault(g, {"warmup": []})
        if "mean" not in own:
            if observed[g]:
                own["warmup"].append(norm)
            if len(own["warmup"]) == warmup_steps:
                own["mean"] = np.mean(own["warmup"])
                own["variance"] = np.var(own["warmup"])
            continue
        deviation = np.sqrt(own["variance"])
        z = (norm - own["mean"]) / (deviation + 1e-6)
        edge = own["mean"] + z_threshold * deviation
        is_spike = z > z_threshold
        thresholds[g] = (
            own["mean"] + z_threshold**2 / z * deviation
            if is_spike
            else max(edge, norm)
        )
        if observed[g]:
            kept = thresholds[g] if is_spike else norm
            own["mean"] = decay * own["mean"] + (1 - decay) * kept
            squared = (kept - own["mean"]) ** 2
            own["variance"] = decay * own["variance"] + (1 - decay) * squared
    return np.minimum(thresholds, max_norm)


ROWS = {
    "ZClip": Rule(
        ZClip,
        tight={"z_threshold": 0.5, "warmup_steps": 2},
        loose={"warmup_steps": 10**6},
        every={
            "z_threshold": 0.1,
            "decay": 0.5,
            "warmup_steps": 2,
            "max_norm": 4.0,
        },
        bad={
            "z_threshold": NOT_POSITIVE,
            "decay": NOT_A_SHARE,
            "warmup_steps": NOT_A_COUNT,
            "max_norm": [value for value in NOT_POSITIVE if value is not None],
        },
        allowed={"decay": [0], "warmup_steps": [1]},
        scheduled={
            "z_threshold": (0.1, 0.3, {"warmup_steps": 2}),
            "max_norm": (1.0, 3.0),
        },
        # Mean 2 and deviation 1 after the warm-up: 10 is 8 deviations above.
        answers=(
            (
                {"z_threshold": 2.0, "warmup_steps": 2},
                [1.0, 3.0, 10.0],
                [np.inf, np.inf, 2.5],
            ),
        ),
        overhead={"ZClip global": {}},
        decide=decide,
    )
}
