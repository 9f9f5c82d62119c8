"""Training in NumPy: what every situation must come to."""

import functools
from typing import NamedTuple

import numpy as np
from helpers.numpy_clipper import NumpyClipper
from helpers.training import data, mlp
from rules import RULES

LAYERS = [0, 0, 1, 1]
RATE, BATCH_SIZE, EPOCHS = 1e-3, 8, 2
STEPS = EPOCHS * len(data()[0]) // BATCH_SIZE


class Outcome(NamedTuple):
    """What two trainings are compared by; skipped updates are not recorded."""

    weights: list[np.ndarray]
    norms: np.ndarray
    thresholds: np.ndarray
    scales: np.ndarray


@functools.cache
def initial_weights() -> list[np.ndarray]:
    return [np.asarray(w, "float64") for w in mlp().get_weights()]


@functools.cache
def numpy_outcome(rule: str, scope: str) -> Outcome:
    """Trains the model of `training.mlp` by SGD with the tight rule."""
    weights = [w.copy() for w in initial_weights()]
    clipper = NumpyClipper(rule, RULES[rule].tight, scope, LAYERS)
    records = []
    for x, y in batches("float64"):
        clipped = clipper(gradients(weights, x, y), weights)
        for weight, gradient in zip(weights, clipped.gradients):
            weight -= RATE * gradient
        if not (RULES[rule].skips and (clipped.scales == 0).all()):
            records.append(clipped[1:])
    return Outcome(weights, *(np.stack(column) for column in zip(*records)))


def batches(dtype: str = "float32"):
    x, y = (array.astype(dtype) for array in data())
    for start in [*range(0, len(x), BATCH_SIZE)] * EPOCHS:
        batch = slice(start, start + BATCH_SIZE)
        yield x[batch], y[batch]


def gradients(weights, x, y):
    """The gradients of the mean squared error."""
    kernel, bias, head, head_bias = weights
    hidden = np.tanh(x @ kernel + bias)
    error = 2 * (hidden @ head + head_bias - y) / y.size
    back = (error @ head.T) * (1 - hidden**2)
    return [x.T @ back, back.sum(0), hidden.T @ error, error.sum(0)]
