"""What the overhead table compares: Keras's clipping, ours, the peers', the floors.

A candidate is a function from an optimizer class to an optimizer that clips: so
each is measured in the same Adam, and alone in one that does nothing else.
"""

import re
from collections.abc import Callable
from importlib import import_module
from typing import Any

import keras

from benchmarks.overhead.bars import CLIPVALUE, REFERENCE, floor_of
from benchmarks.overhead.hook import BACKEND
from benchmarks.overhead.peers import peers
from benchmarks.overhead.rules import rule_candidates
from keras_gradclip.optimizers import ClippingMixin

# So small that the weights stay where they are: the last block of a run
# does the same arithmetic as the first.
LEARNING_RATE = 1e-6

NO_CLIPPING, CONTROL = "no clipping", f"{REFERENCE}, once more"

# The instance's class, which is where Keras puts torch's fast path.
Adam = type(keras.optimizers.Adam())
Candidate = Callable[[type], Any]


def _keras(**arguments: Any) -> Candidate:
    return lambda base: base(LEARNING_RATE, **arguments)


def _mixed(mixin: type, **arguments: Any) -> Candidate:
    return lambda base: type(mixin.__name__, (mixin, base), {})(
        LEARNING_RATE, **arguments
    )


def _floors() -> dict[str, type]:
    floors = import_module(f"benchmarks.overhead.floors_{BACKEND}").FLOORS
    return {floor_of(name): floor for name, floor in floors.items()}


CANDIDATES: dict[str, Candidate] = {
    NO_CLIPPING: _keras(),
    "Keras clipnorm": _keras(clipnorm=1.0),
    CLIPVALUE: _keras(clipvalue=0.1),
    REFERENCE: _keras(global_clipnorm=1.0),
    CONTROL: _keras(global_clipnorm=1.0),
    **{
        name: _mixed(ClippingMixin, clipper=clipper)
        for name, clipper in rule_candidates().items()
    },
    **{name: _mixed(hook) for name, hook in {**peers(), **_floors()}.items()},
}


def candidates(*patterns: str) -> list[str]:
    """Returns the names in which all patterns are found, and the reference's."""
    return [
        name
        for name in CANDIDATES
        if name == REFERENCE or all(re.search(p, name) for p in patterns)
    ]
