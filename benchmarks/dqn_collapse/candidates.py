"""What is compared: the settings of old, each change alone, and all of them."""

from typing import Any

# All that differs between candidates is said by each, whatever is tuned by now.
_OLD: dict[str, Any] = {
    "hidden_sizes": (256, 256),
    "layer_norm": False,
    "n_step": 1,
    "advantage_learning": 0.0,
}
_SMALL = {**_OLD, "hidden_sizes": (64, 64), "layer_norm": True, "n_step": 3}

CANDIDATES: dict[str, dict[str, Any]] = {
    "before": _OLD,
    "before, advantage learning": {**_OLD, "advantage_learning": 0.8},
    "64x64, layer norm, 3 steps": _SMALL,
    "the same, 10 steps": {**_SMALL, "n_step": 10},
    "the same, epsilon ends at 0.1": {**_SMALL, "epsilon_end": 0.1},
    "the same, advantage learning 0.5": {**_SMALL, "advantage_learning": 0.5},
    "the same, advantage learning 0.8": {**_SMALL, "advantage_learning": 0.8},
}
