"""Every rule to its configuration and back; a rule of a user's own."""

import inspect
import json
import re

import keras
import numpy as np
import pytest
from helpers.stepping import (
    Step,
    random_gradients,
    same_states,
    tensors,
    trace,
    variables,
)
from rules import RULES

from keras_gradclip import AGC, AutoClip, unit_axes_of
from keras_gradclip.clippers import GroupedClipper


@keras.saving.register_keras_serializable(package="test_serialization")
def is_kernel(variable):
    return variable.path.endswith("kernel")


SCHEDULE = keras.optimizers.schedules.ExponentialDecay(1.5, 10, 0.9)
COMMON = {
    "scope": "layer",
    "include": ["dense", "head"],
    "exclude": "head/bias",
    "on_nonfinite": "propagate",
    "observe_only": True,
}


def every_argument(rule, **others):
    """Each argument of a rule, none at its default."""
    row = RULES[rule]
    if not isinstance(row.make("tight"), GroupedClipper):
        return {**row.every, "observe_only": True}
    scope = "unit" if "unit_axes" in row.every else "layer"
    return {**COMMON, "scope": scope, **row.every, **others}


def scheduled(rule):
    row = RULES[rule]
    changed = {name: SCHEDULE for name in row.scheduled} | {"include": is_kernel}
    return every_argument(rule, **changed)


EVERY = [(rule, every_argument(rule)) for rule in RULES]
EVERY += [(rule, scheduled(rule)) for rule, row in RULES.items() if row.scheduled]


def round_trip(clipper):
    config = keras.saving.serialize_keras_object(clipper)
    return keras.saving.deserialize_keras_object(json.loads(json.dumps(config)))


def defaults_of(cls):
    parameters = inspect.signature(cls).parameters
    return {name: parameter.default for name, parameter in parameters.items()}


@pytest.mark.parametrize(
    ("rule", "arguments"),
    [pytest.param(*row, id=f"{row[0]}{i}") for i, row in enumerate(EVERY)],
)
def test_round_trip_keeps_every_argument(rule, arguments):
    clipper = RULES[rule].cls(**arguments)
    cls = type(clipper)
    unchanged = {
        name
        for name, default in defaults_of(cls).items()
        if arguments.get(name, default) == default
    }
    # Unit axes go with the default scope only.
    assert unchanged <= ({"scope"} if "unit_axes" in arguments else set())

    again = round_trip(clipper)
    assert type(again) is cls
    assert again.get_config() == round_trip(again).get_config()
    plain = json.dumps(clipper.get_config(), sort_keys=True, default=str)
    assert json.dumps(again.get_config(), sort_keys=True, default=str) == plain
    assert repr(again) == repr(round_trip(again))

    steps = [tensors(gradients) for gradients in random_gradients(6)]
    first = trace(Step(clipper, variables()), steps)
    second = trace(Step(again, variables()), steps)
    np.testing.assert_array_equal(second.thresholds, first.thresholds)
    same_states(second.state, first.state)
    assert (first.norms > first.thresholds).any()


@pytest.mark.parametrize("rule", RULES)
def test_config_holds_exactly_the_constructor_arguments(rule):
    clipper = RULES[rule].make("tight")
    assert list(clipper.get_config()) == list(defaults_of(type(clipper)))


@pytest.mark.parametrize("rule", RULES)
def test_registered_under_the_package(rule):
    cls = type(RULES[rule].make("tight"))
    assert keras.saving.get_registered_name(cls) == f"keras_gradclip>{cls.__name__}"


def test_unit_axes_of_a_model_survive_the_round_trip():
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(2, name="one"), keras.layers.Dense(1)]
    )
    axes = unit_axes_of(model)
    groups = AGC(unit_axes=axes).group(model.trainable_variables)
    again = round_trip(AGC(unit_axes=axes)).group(model.trainable_variables)
    assert again.unit_axes == groups.unit_axes == tuple(axes.values())


def test_from_config_does_not_change_its_argument():
    config = AutoClip(SCHEDULE, include=is_kernel).get_config()
    text = json.dumps(config, default=str)
    AutoClip.from_config(config)
    AutoClip.from_config(config)
    assert json.dumps(config, default=str) == text


def test_repr_shows_the_arguments():
    text = repr(AutoClip(20, window=5, exclude="bias"))
    assert re.match(
        r"AutoClip\(percentile=20.0, window=5, scope='global'.*'bias'", text
    )


def test_repr_of_a_schedule_reads_like_the_call():
    schedule = keras.optimizers.schedules.PolynomialDecay(50.0, 100, 10.0)
    text = repr(AutoClip(schedule, include=is_kernel))
    assert text.startswith(
        "AutoClip(percentile=PolynomialDecay(initial_learning_rate=50.0, "
        "decay_steps=100, end_learning_rate=10.0"
    )
    assert "include=is_kernel" in text
