"""The networks on which a training step is timed, and their data."""

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
from keras import layers

from benchmarks.overhead.turns import Limits

BATCH_SIZE, BATCHES = 32, 16


class Network(NamedTuple):
    """What is trained, and in blocks of how many steps it is timed."""

    input_shape: tuple[int, ...]
    hidden: Callable[[], list[keras.Layer]]
    steps: int
    limits: Limits
    only: str = ""
    """What its candidates' names must hold, a regular expression."""
    slow_to_compile: bool = False
    """Whether TensorFlow's XLA takes long for each candidate."""

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


# Its step takes long beside what any rule adds, so that one of each kind will do.
FEW = "Keras|clipping|whole history|global, window 1024|AGC unit|adaptive|ClipByValue"


def _dense() -> keras.Layer:
    return layers.Dense(64, activation="relu", kernel_initializer="he_normal")


NETWORKS = {
    # 6 variables.
    "mlp": Network((32,), lambda: [_dense() for _ in range(2)], 20, Limits(300, 90)),
    # 100 variables.
    "deep": Network(
        (64,),
        lambda: [_dense() for _ in range(49)],
        steps=5,
        limits=Limits(150, 180),
        slow_to_compile=True,
    ),
    # 5 variables.
    "lstm": Network((32, 16), lambda: [layers.LSTM(64)], 5, Limits(60, 60), FEW),
}
