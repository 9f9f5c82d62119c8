"""A floor that did less than the rule would be no floor: both train alike."""

import keras
import numpy as np
import pytest
from helpers.training import BACKEND

from benchmarks.overhead.bars import FLOORED, floor_of
from benchmarks.overhead.candidates import CANDIDATES

FLOORS = [name for name in FLOORED if floor_of(name) in CANDIDATES]
SHAPES = [(8, 4), (4,), (4, 4), (4,), (4, 4), (4,), (4, 1), (1,)]
STEPS, BROKEN = 40, 7
SGD = type(keras.optimizers.SGD())


def train(candidate):
    """Weights after each step: norms go up and down, and one step is NaN."""
    numbers = np.random.default_rng(0)
    variables = [
        keras.Variable(numbers.normal(size=s), dtype="float32", name=f"weight_{i}")
        for i, s in enumerate(SHAPES)
    ]
    optimizer = CANDIDATES[candidate](SGD)
    optimizer.build(variables)
    optimizer.learning_rate = 1.0
    for step in range(STEPS):
        size = np.exp(2.0 * numbers.normal()) * (np.nan if step == BROKEN else 1.0)
        gradients = [size * numbers.normal(size=shape) for shape in SHAPES]
        yield [v.numpy() for v in variables]
        apply(optimizer, [g.astype("float32") for g in gradients], variables)


def apply(optimizer, gradients, variables):
    tensors = [keras.ops.convert_to_tensor(gradient) for gradient in gradients]
    if BACKEND != "torch":
        optimizer.apply(tensors, variables)
        return
    import torch

    with torch.no_grad():
        optimizer.apply(tensors, variables)


@pytest.mark.parametrize("rule", FLOORS)
def test_a_floor_trains_as_its_rule_does(rule):
    for step, (ours, floor) in enumerate(zip(train(rule), train(floor_of(rule)))):
        for a, b in zip(ours, floor):
            np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6, err_msg=str(step))
