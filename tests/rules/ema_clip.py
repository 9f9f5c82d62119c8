"""EMAClip's row."""

import numpy as np

from keras_gradclip import EMAClip

from .rule import NOT_A_SHARE, NOT_POSITIVE, Rule


def decide(
    norms,
    observed,
    memory,
    weights,
    trigger_ratio=2.0,
    target_ratio=1.1,
    trigger_decay=0.99,
    target_decay=0.9,
    first_trigger=1e4,
    first_norm=1.0,
):
    thresholds = np.zeros(len(norms))
    for g, norm in enumerate(norms):
        own = memory.setdefault(g, {"steps": 0, "slow": 0.0, "quick": 0.0})
        trigger, target = first_trigger, first_norm
        if own["steps"]:
            trigger = trigger_ratio * own["slow"] / (1 - trigger_decay ** own["steps"])
            target = target_ratio * own["quick"] / (1 - target_decay ** own["steps"])
        thresholds[g] = target if norm > trigger else trigger
        if observed[g]:
            kept = min(norm, thresholds[g])
            own["slow"] = trigger_decay * own["slow"] + (1 - trigger_decay) * kept
            own["quick"] = target_decay * own["quick"] + (1 - target_decay) * kept
            own["steps"] += 1
    return thresholds


ROWS = {
    "EMAClip": Rule(
        EMAClip,
        tight={"trigger_ratio": 0.9, "target_ratio": 0.8, "first_trigger": 0.1},
        loose={"trigger_ratio": 1e15, "first_trigger": 1e29},
        every={
            "trigger_ratio": 0.8,
            "target_ratio": 0.7,
            "trigger_decay": 0.8,
            "target_decay": 0.6,
            "first_trigger": 2.0,
            "first_norm": 0.5,
        },
        bad={
            "trigger_ratio": NOT_POSITIVE,
            "target_ratio": NOT_POSITIVE,
            "trigger_decay": NOT_A_SHARE,
            "target_decay": NOT_A_SHARE,
            "first_trigger": NOT_POSITIVE,
            "first_norm": NOT_POSITIVE,
        },
        allowed={"trigger_decay": [0], "target_decay": [0]},
        scheduled={
            "trigger_ratio": (0.5, 1.5),
            "target_ratio": (0.5, 0.9, {"trigger_ratio": 0.6}),
        },
        # The averages of 1 and 1 are 1; of 1, 1, 1.5 with decay .5 the slow is
        # (.25 * 1 + .25 * 1 + .5 * 1.5) / .875 of which .125 is still missing.
        answers=(
            (
                {"target_ratio": 1.5, "trigger_decay": 0.5, "target_decay": 0.0},
                [1.0, 1.0, 9.0, 2.0],
                [1e4, 2.0, 1.5, 2 * (0.125 + 0.25 + 0.75) / 0.875],
            ),
            ({"first_trigger": 2.0, "first_norm": 0.5}, [9.0], [0.5]),
        ),
        overhead={"EMAClip global": {}},
        decide=decide,
    )
}
