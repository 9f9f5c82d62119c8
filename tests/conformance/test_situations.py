"""Every rule in every situation against the same rule in NumPy."""

import numpy as np
import pytest
from conformance.situations import SITUATIONS
from helpers.reference import RATE, STEPS, numpy_outcome
from rules import CASES, RULES

from keras_gradclip import optimizers


def cases():
    """Every rule at every scope in every situation; by turns, what is quick."""
    for i, situation in enumerate(SITUATIONS):
        for j, (rule, scope) in enumerate(CASES):
            # 3 or 4 of 29, so that over the situations each has its turn.
            marks = [] if (j - i) % 9 == 0 else [pytest.mark.slow]
            yield pytest.param(situation, rule, scope, marks=marks)


# TensorFlow's own remarks on CPU replicas.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("situation", "rule", "scope"), list(cases()))
def test_every_situation_comes_to_the_same(situation, rule, scope):
    row = SITUATIONS[situation]

    def make(**arguments):
        clipper = RULES[rule].make("tight", scope=scope)
        return optimizers.SGD(RATE, clipper=clipper, **arguments)

    model = row.train(make, *row.arguments)
    expected = numpy_outcome(rule, scope)
    history = optimizers.find_clipped(model.optimizer).clip_history()
    close = {"rtol": row.tolerance, "atol": row.tolerance / 10}
    for weight, value in zip(model.get_weights(), expected.weights):
        np.testing.assert_allclose(weight, value, **close)
    np.testing.assert_allclose(history["norm"], expected.norms, **close)
    if RULES[rule].skips:
        assert 0 < len(history["scale"]) < STEPS
    else:
        assert (history["scale"] < 1).any()
    if not row.is_rounded:
        np.testing.assert_allclose(history["threshold"], expected.thresholds, **close)
        np.testing.assert_allclose(history["scale"], expected.scales, **close)
