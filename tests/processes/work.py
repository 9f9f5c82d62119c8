"""What the processes of a cluster train, and what they leave behind."""

import os
import signal
from pathlib import Path

import numpy as np
from helpers.training import data, state, weights

from keras_gradclip import AutoClip, ClipByNorm, optimizers

BATCH = 8

OPTIMIZERS = {
    "norm": lambda: optimizers.SGD(0.01, clipper=ClipByNorm(0.5)),
    "whole_history": lambda: optimizers.Adam(0.01, clipper=AutoClip(30)),
    "window": lambda: optimizers.Adam(
        0.01, clipper=AutoClip(30, window=5, scope="layer")
    ),
}


def share(index: int, count: int = 2):
    """Returns a process's part of each batch of `data()`, batches in order."""
    size = BATCH // count
    return tuple(
        array.reshape(-1, BATCH, array.shape[1])[:, index * size :][:, :size].reshape(
            -1, array.shape[1]
        )
        for array in data()
    )


def outcome(model, optimizer) -> dict[str, np.ndarray]:
    """Returns all that training left: weights, optimizer state, clip log."""
    history = optimizer.clip_history()
    return {
        **{f"weight {i}": value for i, value in enumerate(weights(model))},
        **{f"state {i}": value for i, value in enumerate(state(optimizer))},
        **{f"log {name}": history[name] for name in ("norm", "threshold", "scale")},
    }


def save(path: Path, outcomes: dict[str, dict[str, np.ndarray]]) -> None:
    arrays = {
        f"{rule}/{name}": value
        for rule, values in outcomes.items()
        for name, value in values.items()
    }
    np.savez(path, **arrays)


def load(path: Path, rule: str) -> dict[str, np.ndarray]:
    with np.load(path) as arrays:
        return {
            name.removeprefix(f"{rule}/"): arrays[name]
            for name in arrays.files
            if name.startswith(f"{rule}/")
        }


def die() -> None:
    """Ends this process as the kernel does one that has used all memory."""
    os.kill(os.getpid(), signal.SIGKILL)
