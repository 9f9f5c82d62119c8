"""The active backend's share of the work: the same few functions three times.

Everything else in the package is written in `keras.ops`, or in what stands
here. Where a backend has a call that does the work in one kernel, its module
uses it: speed lives here.
"""

from importlib import import_module
from typing import cast

from keras_gradclip._backend.interface import Backend
from keras_gradclip._keras import BACKEND

_MODULES = ("tensorflow", "jax", "torch")

if BACKEND not in _MODULES:
    raise ImportError(
        "keras_gradclip needs a backend that trains: `KERAS_BACKEND` must be one "
        f"of {', '.join(map(repr, _MODULES))}. Received: {BACKEND!r}"
    )

backend = cast(Backend, import_module(f"{__name__}.{BACKEND}"))
"""The module of the active backend."""

ops = backend.ops
"""As `keras.ops`; on torch in its own calls where a step makes many."""
