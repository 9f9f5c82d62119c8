"""What the overhead table compares: networks, and optimizers to train them."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers

from keras_gradclip import (
    AGC,
    AdaGC,
    AutoClip,
    Chain,
    ClipByNorm,
    ClipByValue,
    QuantileClip,
    ZClip,
    optimizers,
)

BATCH_SIZE, BATCHES = 32, 16

# So small that the weights stay where they are: the last block of a run
# does the same arithmetic as the first.
LEARNING_RATE = 1e-6

NO_CLIPPING, REFERENCE = "no clipping", "Keras global_clipnorm"
CONTROL = f"{REFERENCE}, once more"


class Network(NamedTuple):
    """What is trained, and in blocks of how many steps it is timed."""

    input_shape: tuple[int, ...]
    hidden: Callable[[], list[keras.Layer]]
    steps: int
    rounds: int

    def build(self) -> keras.Model:
        """Returns a new model, with the same weights every time."""
        keras.utils.set_random_seed(0)
        inputs = keras.Input(self.input_shape)
        return keras.Sequential([inputs, *self.hidden(), layers.Dense(1)])

    def batches(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns inputs and targets, whose first axis is that of batches.

        The sizes of the targets vary between batches, and so the norms.
        """
        numbers = np.random.default_rng(0)
        shape = (BATCHES, BATCH_SIZE)
        x = numbers.normal(size=(*shape, *self.input_shape))
        y = numbers.normal(size=(*shape, 1))
        y *= np.exp(numbers.normal(size=(BATCHES, 1, 1)))
        return x.astype("float32"), y.astype("float32")


def _dense() -> keras.Layer:
    return layers.Dense(64, activation="relu", kernel_initializer="he_normal")


NETWORKS = {
    # 6 variables.
    "mlp": Network((32,), lambda: [_dense() for _ in range(2)], 20, 300),
    # 100 variables.
    "deep": Network((64,), lambda: [_dense() for _ in range(49)], 5, 100),
    # 5 variables.
    "lstm": Network((32, 16), lambda: [layers.LSTM(64)], 5, 150),
}


def _keras(**arguments: Any) -> Callable[[], Any]:
    return lambda: keras.optimizers.Adam(LEARNING_RATE, **arguments)


def _ours(clipper: Any) -> Callable[[], Any]:
    return lambda: optimizers.Adam(LEARNING_RATE, clipper=clipper)


def _autoclip(scope: str, window: int | None) -> tuple[str, Callable[[], Any]]:
    history = "whole history" if window is None else f"window {window}"
    return f"AutoClip {scope}, {history}", _ours(AutoClip(window=window, scope=scope))


CANDIDATES: dict[str, Callable[[], Any]] = {
    NO_CLIPPING: _keras(),
    "Keras clipnorm": _keras(clipnorm=1.0),
    REFERENCE: _keras(global_clipnorm=1.0),
    CONTROL: _keras(global_clipnorm=1.0),
    **dict(_autoclip("global", window) for window in (None, 128, 1024, 8192)),
    **dict(_autoclip("layer", window) for window in (None, 1024)),
    **dict(_autoclip("variable", window) for window in (None, 1024)),
    "ClipByNorm global": _ours(ClipByNorm(1.0)),
    "ClipByNorm variable": _ours(ClipByNorm(1.0, scope="variable")),
    "ClipByValue": _ours(ClipByValue(0.1)),
    "AGC unit": _ours(AGC()),
    "AGC variable": _ours(AGC(scope="variable")),
    "ZClip global": _ours(ZClip()),
    "AdaGC variable": _ours(AdaGC()),
    "QuantileClip global": _ours(QuantileClip()),
    "Chain of AGC unit and ClipByNorm": _ours(Chain([AGC(), ClipByNorm(1.0)])),
}
LONG_CANDIDATES = (
    REFERENCE,
    "AutoClip global, whole history",
    "AutoClip global, window 1024",
)


def candidates(pattern: str) -> list[str]:
    """Returns the names that `pattern` is found in, and the reference's."""
    return [n for n in CANDIDATES if n == REFERENCE or re.search(pattern, n)]
