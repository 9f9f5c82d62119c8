"""What a rule would have done with norms that were seen."""

import inspect
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from keras_gradclip._backend import backend, ops
from keras_gradclip._math.groups import Groups
from keras_gradclip.clippers import Clipper
from keras_gradclip.clippers.base import NO_BOUND, NormClipper


class CannotReplay(ValueError):
    """A rule wants to know more than norms."""


class Replayed(NamedTuple):
    """Thresholds and scales of each step, shape `(steps, groups)`."""

    thresholds: np.ndarray
    scales: np.ndarray


class _NamesOnly(Groups):
    """Groups of which no trace says how large they are."""

    @property
    def sizes(self) -> np.ndarray:
        raise CannotReplay("it looks at sizes, which a trace does not hold")


class _UnknownWeights(Sequence[Any]):
    """Stands for weights that no trace holds."""

    def __len__(self) -> int:
        raise CannotReplay("it looks at the weights, which a trace does not hold")

    def __getitem__(self, index: Any) -> Any:
        raise CannotReplay("it looks at the weights, which a trace does not hold")


def replay(rule: Clipper, norms: np.ndarray) -> Replayed:
    """Returns what `rule` decides for these norms, one after another.

    Each norm is handed to the rule's own `clip` as a gradient of one element, so
    that what is replayed is what would run in training.

    Args:
        rule: A rule on norms.
        norms: Shape `(steps, groups)`; one that is not finite makes its step one
            that is dropped.

    Raises:
        CannotReplay: If norms do not tell what the rule would do.
    """
    if not isinstance(rule, NormClipper):
        raise CannotReplay("it looks at more than norms, which a trace does not hold")
    count = norms.shape[1]
    groups = _NamesOnly(tuple(map(str, range(count))), tuple(range(count)))
    weights = _UnknownWeights()

    def step(state: Any, row: Any, number: Any) -> Any:
        gradients = [row[i : i + 1] for i in range(count)]
        _, new, record = rule.clip(gradients, state, weights, number, groups)
        new = {name: ops.cast(v, state[name].dtype) for name, v in new.items()}
        return new, (record.thresholds, record.scales)

    rows = (norms.astype("float32"), np.arange(len(norms), dtype="int32"))
    found = backend.run_through(step, rule.initial_state(groups), rows)
    thresholds, scales = (np.asarray(ops.convert_to_numpy(v)) for v in found)
    return Replayed(np.where(thresholds < NO_BOUND, thresholds, np.inf), scales)


def short(rule: Clipper) -> str:
    """Returns a rule as one would write it: without what is at its default."""
    defaults = inspect.signature(type(rule)).parameters
    arguments = {
        name: value
        for name, value in rule.get_config().items()
        if name not in defaults or value != defaults[name].default
    }
    parts = (f"{name}={_shown(value)}" for name, value in arguments.items())
    return f"{type(rule).__name__}({', '.join(parts)})"


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else repr(value)
