"""The table of rules: a new one joins every common test by one row here."""

from collections.abc import Callable
from typing import Any, NamedTuple

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

HISTORY_SCOPES = ("global", "layer", "variable")
ALL_SCOPES = (*HISTORY_SCOPES, "unit")


class Rule(NamedTuple):
    """How the common tests use one rule."""

    cls: Callable[..., Any]
    tight: dict[str, Any]
    """Arguments with which it clips most gradients."""
    loose: dict[str, Any]
    """Arguments with which it never clips."""
    scopes: tuple[str, ...] = HISTORY_SCOPES
    keeps_direction: bool = True
    is_idempotent: bool = True
    """Whether clipping a clipped gradient in the same state does nothing."""

    def make(self, kind: str, **common: Any) -> Any:
        return self.cls(**getattr(self, kind), **common)


def chain(percentile: float, max_norm: float, **common: Any) -> Chain:
    return Chain([AutoClip(percentile, **common), ClipByNorm(max_norm, **common)])


RULES = {
    "ClipByNorm": Rule(ClipByNorm, {"max_norm": 0.5}, {"max_norm": 1e30}, ALL_SCOPES),
    "ClipByValue": Rule(
        ClipByValue, {"value": 0.1}, {"value": 1e30}, keeps_direction=False
    ),
    # The percentile moves when the current norm does.
    "AutoClip": Rule(
        AutoClip, {"percentile": 10.0}, {"percentile": 100.0}, is_idempotent=False
    ),
    "AutoClip_window": Rule(
        AutoClip,
        {"percentile": 10.0, "window": 2},
        {"percentile": 100.0, "window": 2},
        is_idempotent=False,
    ),
    "AGC": Rule(AGC, {"clip_factor": 0.01}, {"clip_factor": 1e30}, ALL_SCOPES),
    "ZClip": Rule(
        ZClip, {"z_threshold": 0.5, "warmup_steps": 2}, {"warmup_steps": 10**6}
    ),
    "AdaGC": Rule(
        AdaGC,
        {"absolute_threshold": 0.1, "warmup_steps": 2},
        {
            "relative_threshold": 1e15,
            "absolute_threshold": 1e30,
            "warmup_steps": 2,
        },
    ),
    "QuantileClip": Rule(
        QuantileClip,
        {"initial_threshold": 0.1},
        {"initial_threshold": 1e29, "learning_rate": 1e-3},
    ),
    "Chain": Rule(
        chain,
        {"percentile": 50.0, "max_norm": 0.5},
        {"percentile": 100.0, "max_norm": 1e30},
        is_idempotent=False,
    ),
}
CASES = [(name, scope) for name, rule in RULES.items() for scope in rule.scopes]
