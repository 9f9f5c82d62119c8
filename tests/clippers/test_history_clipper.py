"""A rule that a user writes: the example of `HistoryClipper`, and law 3 for it."""

import json
from typing import Annotated

import keras
import numpy as np
import pytest
from helpers.stepping import COMPILED, Step, random_gradients, run, tensors, variables

from keras_gradclip.clippers import base


@keras.saving.register_keras_serializable(package="test_history_clipper")
class ClipToMean(base.HistoryClipper):
    """Clips to a multiple of the mean of all norms so far."""

    factor: Annotated[base.Hyperparameter, base.Range(above=0)] = 1.0

    def initial_state(self, groups):
        return {"sum": groups.full(0.0), "count": groups.full(0.0)}

    def decide(self, measured, state):
        total = state["sum"] + measured.norms
        count = state["count"] + 1.0
        return self.factor * total / count, {"sum": total, "count": count}


def round_trip(clipper):
    config = keras.saving.serialize_keras_object(clipper)
    return keras.saving.deserialize_keras_object(json.loads(json.dumps(config)))


@pytest.mark.parametrize("mode", sorted({"eager", COMPILED}))
def test_a_rule_without_any_guard_survives_nan_inf_and_zero(mode):
    clipper = round_trip(ClipToMean(scope="variable"))
    done = run(clipper, [2.0, 4.0, np.nan, np.inf, 0.0, 3.0], mode)
    np.testing.assert_allclose(done.thresholds[[0, 1, 5], 0], [2, 3, 3])
    np.testing.assert_allclose(done.scales[:, 0], [1, 0.75, 0, 0, 1, 1])
    np.testing.assert_allclose(done.state["sum"], [9.0])
    np.testing.assert_allclose(done.state["count"], [3.0])


def test_a_group_that_is_not_observed_keeps_its_state_alone():
    done = run(ClipToMean(scope="variable"), [[2.0, 4.0], [4.0, 0.0]])
    np.testing.assert_allclose(done.state["sum"], [6.0, 4.0])
    np.testing.assert_allclose(done.state["count"], [2.0, 1.0])


def test_its_arguments_are_checked_saved_scheduled_and_shown():
    with pytest.raises(ValueError, match=r"`factor` must be .* than 0.*factor=0"):
        ClipToMean(factor=0)
    assert round_trip(ClipToMean(0.5)).factor == 0.5
    assert repr(ClipToMean(0.5)).startswith("ClipToMean(factor=0.5, scope='global'")
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([1], [1.0, 0.5])
    done = run(round_trip(ClipToMean(schedule)), [2.0, 2.0, 2.0])
    np.testing.assert_allclose(done.thresholds[:, 0], [2.0, 2.0, 1.0])


def test_a_scheduled_number_stays_in_its_range():
    schedule = keras.optimizers.schedules.PolynomialDecay(1.0, 2, -1.0)
    done = run(ClipToMean(schedule), [2.0, 2.0, 2.0])
    np.testing.assert_allclose(done.thresholds[:, 0], [2.0, 0.0, 0.0])
    assert all(np.isfinite(g).all() for row in done.gradients for g in row)


def test_a_history_is_refused_for_single_units():
    with pytest.raises(ValueError, match=r"`scope` must be one of .*'unit'"):
        ClipToMean(scope="unit")


def test_a_state_of_other_entries_is_an_error_that_names_them():
    class Forgetful(ClipToMean):
        def decide(self, measured, state):
            return measured.norms, {"sum": state["sum"]}

    step = Step(Forgetful(), variables())
    with pytest.raises(ValueError, match=r"`decide` must return.*\['sum'\]"):
        step(tensors(random_gradients(1)[0]), step.initial_state(), 0)


def test_a_constructor_of_its_own_works_as_well():
    @keras.saving.register_keras_serializable(package="test_history_clipper")
    class Old(base.HistoryClipper):
        def __init__(self, factor, **kwargs):
            super().__init__(**kwargs)
            self.factor = factor

        def initial_state(self, groups):
            return {}

        def decide(self, measured, state):
            return self.factor, state

        def get_config(self):
            return {"factor": self.factor, **super().get_config()}

    again = round_trip(Old(0.5, scope="layer", include="kernel"))
    assert (again.factor, again.scope, again.include) == (0.5, "layer", "kernel")
    np.testing.assert_allclose(run(again, [2.0]).thresholds, [[0.5]])
