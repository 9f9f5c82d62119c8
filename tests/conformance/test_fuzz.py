"""Whatever is done in whatever order, the weights are those of the NumPy model."""

import copy

import numpy as np
import pytest
from helpers.machine import REPLICAS, machine, scope_of
from helpers.numpy_clipper import NumpyClipper
from helpers.stepping import SIZES, split
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from rules import RULES

# Over the three backends 2,100 examples.
EXAMPLES, STEPS = 700, 8

# Nothing, a layer, or single variables of two.
FROZEN = ((), (0, 1), (1, 2))


class Fuzz(RuleBasedStateMachine):
    saved = Bundle("saved")

    @initialize(name=st.sampled_from(sorted(RULES)))
    def begin(self, name):
        self.name, self.replicas = name, 1
        self.machine.begin()
        self.rate, self.frozen = 1.0, ()
        self.weights = [w.astype("float64") for w in self.machine.weights]
        self.clipper = NumpyClipper(
            name, RULES[name].tight, scope_of(name), [0, 0, 1, 1]
        )
        self.moved = 0.0
        self.tolerance = RULES[name].rounding

    @property
    def machine(self):
        return machine(self.name, self.replicas)

    def apply(self, gradients):
        frozen = self.frozen
        self.machine.apply(
            [None if i in frozen else g for i, g in enumerate(gradients)]
        )
        present = [
            np.zeros_like(g, "float64") if i in frozen else g.astype("float64")
            for i, g in enumerate(gradients)
        ]
        clipped = self.clipper(present, self.weights).gradients
        for weight, gradient in zip(self.weights, clipped):
            weight -= self.rate * gradient
        self.moved += self.rate * max(np.abs(g).max() for g in clipped)

    @rule(seed=st.integers(0, 2**16), exponent=st.floats(-3.0, 3.0))
    def step(self, seed, exponent):
        row = np.random.default_rng(seed).normal(size=sum(SIZES))
        self.apply(split(row * 10.0**exponent))

    @rule()
    def step_of_zeros(self):
        self.apply(split(np.zeros(sum(SIZES))))

    @rule(
        bad=st.sampled_from([np.nan, np.inf, -np.inf]),
        where=st.integers(0, sum(SIZES) - 1),
    )
    def step_that_is_not_finite(self, bad, where):
        row = np.ones(sum(SIZES))
        row[where] = bad
        self.apply(split(row))

    @rule(rate=st.sampled_from([1.0, 0.1, 1e-3]))
    def change_learning_rate(self, rate):
        self.machine.optimizer.learning_rate = rate
        self.rate = rate

    @rule(frozen=st.sampled_from(FROZEN))
    def freeze(self, frozen):
        self.frozen = frozen

    @rule(target=saved)
    def save(self):
        model = copy.deepcopy((self.weights, self.clipper, self.rate, self.moved))
        return self.name, self.machine.state, model

    @rule(file=saved)
    def load(self, file):
        _, state, model = file
        self.machine.state = state
        self.weights, self.clipper, self.rate, self.moved = copy.deepcopy(model)

    @precondition(lambda self: len(REPLICAS) > 1)
    @rule(replicas=st.sampled_from(REPLICAS))
    def change_replica_count(self, replicas):
        state = self.machine.state
        self.replicas = replicas
        self.machine.state = state

    @invariant()
    def weights_are_those_of_the_model(self):
        if not hasattr(self, "weights"):
            return
        for ours, theirs in zip(self.machine.weights, self.weights):
            bound = self.tolerance * self.moved + 1e-5 * (1 + np.abs(theirs).max())
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=bound)


Fuzz.TestCase.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
# TensorFlow's own remarks on CPU replicas.
TestFuzz = pytest.mark.filterwarnings("ignore")(Fuzz.TestCase)
