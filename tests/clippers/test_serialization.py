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
    variable,
    variables,
)

from keras_gradclip import (
    AGC,
    AdaGC,
    AutoClip,
    Chain,
    ClipByNorm,
    ClipByValue,
    Clipper,
    QuantileClip,
    ZClip,
    unit_axes_of,
)

RULES = [ClipByNorm, ClipByValue, AutoClip, AGC, ZClip, AdaGC, QuantileClip]
REQUIRED = {ClipByNorm: {"max_norm": 1.0}, ClipByValue: {"value": 1.0}}


@keras.saving.register_keras_serializable(package="test_serialization")
def is_kernel(variable):
    return variable.path.endswith("kernel")


SCHEDULE = keras.optimizers.schedules.ExponentialDecay(1.5, 10, 0.9)
COMMON = {
    "scope": "layer",
    "include": ["dense", "head"],
    "exclude": "head/bias",
    "on_nonfinite": "propagate",
}
# Every argument, none at its default.
EVERY = [
    (ClipByNorm, {"max_norm": 0.7, **COMMON}),
    (ClipByNorm, {"max_norm": SCHEDULE, **COMMON, "include": is_kernel}),
    (ClipByValue, {"value": 0.2, **COMMON}),
    (ClipByValue, {"value": SCHEDULE, **COMMON}),
    (AutoClip, {"percentile": 40.0, "window": 3, **COMMON}),
    (AutoClip, {"percentile": SCHEDULE, "window": 3, **COMMON, "exclude": is_kernel}),
    (
        AGC,
        {
            "clip_factor": 0.2,
            "epsilon": 0.3,
            "unit_axes": {"dense/kernel": (1,), "head": (-1,)},
            **COMMON,
            "scope": "unit",
        },
    ),
    (AGC, {"clip_factor": SCHEDULE, "epsilon": 0.3, **COMMON}),
    (
        ZClip,
        {
            "z_threshold": 0.1,
            "decay": 0.5,
            "warmup_steps": 2,
            "max_norm": 4.0,
            **COMMON,
        },
    ),
    (
        ZClip,
        {
            "z_threshold": SCHEDULE,
            "decay": 0.5,
            "warmup_steps": 2,
            "max_norm": SCHEDULE,
            **COMMON,
        },
    ),
    (
        AdaGC,
        {
            "relative_threshold": 1.2,
            "absolute_threshold": 0.4,
            "decay": 0.6,
            "warmup_steps": 2,
            **COMMON,
        },
    ),
    (
        AdaGC,
        {
            "relative_threshold": SCHEDULE,
            "absolute_threshold": SCHEDULE,
            "decay": 0.6,
            "warmup_steps": 2,
            **COMMON,
        },
    ),
    (
        QuantileClip,
        {
            "quantile": 0.8,
            "learning_rate": 0.1,
            "initial_threshold": 2.0,
            **COMMON,
        },
    ),
    (
        QuantileClip,
        {
            "quantile": 0.8,
            "learning_rate": SCHEDULE,
            "initial_threshold": 2.0,
            **COMMON,
        },
    ),
]
EVERY.append((Chain, {"clippers": [cls(**arguments) for cls, arguments in EVERY[::3]]}))


def round_trip(clipper):
    config = keras.saving.serialize_keras_object(clipper)
    return keras.saving.deserialize_keras_object(json.loads(json.dumps(config)))


def constructor_arguments(cls):
    parameters = dict(inspect.signature(cls.__init__).parameters)
    if "kwargs" in parameters:
        parameters = {**inspect.signature(Clipper.__init__).parameters, **parameters}
    return {k: p.default for k, p in parameters.items() if k not in ("self", "kwargs")}


@pytest.mark.parametrize(
    ("cls", "arguments"),
    [pytest.param(*row, id=f"{row[0].__name__}{i}") for i, row in enumerate(EVERY)],
)
def test_round_trip_keeps_every_argument(cls, arguments):
    defaults = constructor_arguments(cls)
    assert set(arguments) <= set(defaults)
    # Unit axes go with the default scope only.
    unchanged = {
        name
        for name in defaults
        if arguments.get(name, defaults[name]) == defaults[name]
    }
    assert unchanged <= ({"unit_axes", "scope"} if cls is AGC else set())
    assert len(unchanged) <= 1

    clipper = cls(**arguments)
    again = round_trip(clipper)
    assert type(again) is cls
    assert again.get_config() == round_trip(again).get_config()
    plain = json.dumps(clipper.get_config(), sort_keys=True, default=str)
    assert json.dumps(again.get_config(), sort_keys=True, default=str) == plain
    assert repr(again) == repr(round_trip(again))

    steps = [tensors(gradients) for gradients in random_gradients(6)]
    first = trace(Step(clipper, variables()), steps)
    second = trace(Step(again, variables()), steps)
    np.testing.assert_array_equal(second.scales, first.scales)
    same_states(second.state, first.state)
    assert (first.scales < 1).any()


@pytest.mark.parametrize("cls", RULES)
def test_config_holds_exactly_the_constructor_arguments(cls):
    clipper = cls(**REQUIRED.get(cls, {}))
    assert set(clipper.get_config()) == set(constructor_arguments(cls))


@pytest.mark.parametrize("cls", [*RULES, Chain])
def test_registered_under_the_package(cls):
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


# A rule that a user writes.


@keras.saving.register_keras_serializable(package="test_arguments")
class ClipToMean(Clipper):
    """The example in the docstring of `Clipper`."""

    def initial_state(self, groups):
        zeros = np.zeros((len(groups),), "float32")
        return {"sum": zeros, "count": zeros.copy()}

    def decide(self, measured, state):
        ops = keras.ops
        seen = ops.cast(measured.observed, "float32")
        norms = ops.where(measured.observed, measured.norms, 0.0)
        total = state["sum"] + norms
        count = state["count"] + seen
        mean = total / ops.maximum(count, 1.0)
        return mean, {"sum": total, "count": count}


def test_rule_of_a_user():
    clipper = round_trip(ClipToMean(scope="variable"))
    step = Step(clipper, [variable("v/kernel", [0.0, 0.0])])
    steps = [tensors([[norm, 0.0]]) for norm in (2.0, 4.0, np.nan, 0.0, 3.0)]
    done = trace(step, steps)
    np.testing.assert_allclose(done.thresholds[:, 0], [2, 3, 3, 3, 3])
    np.testing.assert_allclose(done.scales[:, 0], [1, 0.75, 0, 1, 1])
