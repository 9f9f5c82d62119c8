"""What is compared of our own: each rule with the arguments worth a row."""

from typing import Any

from keras_gradclip import (
    AGC,
    AdaGC,
    AutoClip,
    Chain,
    ClipByNorm,
    ClipByValue,
    QuantileClip,
    ZClip,
)

ROWS: dict[type, dict[str, dict[str, Any]]] = {
    AutoClip: {
        "AutoClip global, whole history": {},
        "AutoClip global, window 128": {"window": 128},
        "AutoClip global, window 1024": {"window": 1024},
        "AutoClip global, window 8192": {"window": 8192},
        "AutoClip layer, whole history": {"scope": "layer"},
        "AutoClip layer, window 1024": {"scope": "layer", "window": 1024},
        "AutoClip variable, whole history": {"scope": "variable"},
        "AutoClip variable, window 1024": {"scope": "variable", "window": 1024},
    },
    ClipByNorm: {
        "ClipByNorm global": {"max_norm": 1.0},
        "ClipByNorm variable": {"max_norm": 1.0, "scope": "variable"},
    },
    ClipByValue: {"ClipByValue": {"value": 0.1}},
    AGC: {"AGC unit": {}, "AGC variable": {"scope": "variable"}},
    ZClip: {"ZClip global": {}},
    AdaGC: {"AdaGC variable": {}},
    QuantileClip: {"QuantileClip global": {}},
    Chain: {"Chain of AGC unit and ClipByNorm": {"clippers": [AGC(), ClipByNorm(1.0)]}},
}


def rule_candidates() -> dict[str, Any]:
    """Returns a clipper for each row of the overhead table."""
    return {
        label: rule(**arguments)
        for rule, rows in ROWS.items()
        for label, arguments in rows.items()
    }
