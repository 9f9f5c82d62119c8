"""Arguments of every rule: errors, schedules, selection and serialization."""

import inspect
import json
import re

import keras
import numpy as np
import pytest
from clippers.helpers import (
    COMPILED,
    Step,
    array,
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
Piecewise = keras.optimizers.schedules.PiecewiseConstantDecay


@keras.saving.register_keras_serializable(package="test_arguments")
def is_kernel(variable):
    return variable.path.endswith("kernel")


# Errors.

NOT_NUMBERS = [np.nan, np.inf, -np.inf, "1", None, True, [1.0]]
POSITIVE, NOT_NEGATIVE = [0.0, -1.0, *NOT_NUMBERS], [-0.1, *NOT_NUMBERS]
BAD = [
    (ClipByNorm, "max_norm", POSITIVE),
    (ClipByValue, "value", POSITIVE),
    (AutoClip, "percentile", [100.1, *NOT_NEGATIVE]),
    (AutoClip, "window", [0, -1, 1.5, 2.0, "3", True]),
    (AGC, "clip_factor", POSITIVE),
    (AGC, "epsilon", POSITIVE),
    (AGC, "unit_axes", [5, "kernel", ["kernel"], {"(": [0]}, {3: [0]}]),
    (ZClip, "z_threshold", POSITIVE),
    (ZClip, "decay", [1.0, *NOT_NEGATIVE]),
    (ZClip, "warmup_steps", [0, -1, 2.0, "3", None, True]),
    (ZClip, "max_norm", [value for value in POSITIVE if value is not None]),
    (AdaGC, "relative_threshold", [0.99, *POSITIVE]),
    (AdaGC, "absolute_threshold", POSITIVE),
    (AdaGC, "decay", [1.0, *NOT_NEGATIVE]),
    (AdaGC, "warmup_steps", [0, -1, 2.0, "3", None, True]),
    (QuantileClip, "quantile", [1.1, *NOT_NEGATIVE]),
    (QuantileClip, "learning_rate", POSITIVE),
    (QuantileClip, "initial_threshold", POSITIVE),
    (Chain, "clippers", [[], None, 5, AutoClip(), [None], [AutoClip(), None]]),
]
for _cls in RULES:
    BAD += [
        (_cls, "scope", ["nonsense", None, 1, "Global"]),
        (_cls, "on_nonfinite", ["nonsense", None, True]),
        (_cls, "include", [5, "(", ["kernel", "("], [1]]),
        (_cls, "exclude", [5, "(", ["kernel", "("], [1]]),
    ]
    if "unit" not in _cls.scopes:
        BAD.append((_cls, "scope", ["unit"]))


@pytest.mark.parametrize(
    ("cls", "name", "value"),
    [
        pytest.param(cls, name, value, id=f"{cls.__name__}-{name}-{value!r:.20}")
        for cls, name, values in BAD
        for value in values
    ],
)
def test_bad_argument_is_named_with_its_rule_and_value(cls, name, value):
    with pytest.raises(ValueError, match=f"`{name}` (must|may) .*Received: ") as error:
        cls(**{**REQUIRED.get(cls, {}), name: value})
    assert f"{name}={value!r}" in str(error.value)


def test_unit_axes_need_scope_unit():
    with pytest.raises(ValueError, match=r"`unit_axes`.*scope='layer'"):
        AGC(unit_axes={"kernel": [0]}, scope="layer")


def test_bounds_of_the_ranges_are_allowed():
    AutoClip(0), AutoClip(100), AutoClip(window=1)
    QuantileClip(0), QuantileClip(1)
    ZClip(decay=0, warmup_steps=1), AdaGC(1, decay=0, warmup_steps=1)
    ClipByNorm(np.float32(1)), AutoClip(window=np.int64(3))


def test_rule_without_decide_says_so():
    step = Step(Clipper(), variables())
    with pytest.raises(NotImplementedError, match="Clipper must implement `decide`"):
        step(tensors(random_gradients(1)[0]), {}, 0)


# Schedules.

SCHEDULED = [
    (ClipByNorm, "max_norm", (1.0, 3.0), {}),
    (ClipByValue, "value", (0.1, 0.3), {}),
    (AutoClip, "percentile", (10.0, 60.0), {}),
    (AutoClip, "percentile", (10.0, 60.0), {"window": 4}),
    (AGC, "clip_factor", (0.1, 0.01), {}),
    (AGC, "clip_factor", (0.1, 0.01), {"scope": "variable"}),
    (ZClip, "z_threshold", (0.1, 0.3), {"warmup_steps": 2}),
    (ZClip, "max_norm", (1.0, 3.0), {}),
    (AdaGC, "relative_threshold", (1.0, 1.5), {"warmup_steps": 1}),
    (AdaGC, "absolute_threshold", (0.2, 0.5), {}),
    (QuantileClip, "quantile", (0.2, 0.9), {}),
    (QuantileClip, "learning_rate", (0.1, 0.4), {}),
]


@pytest.mark.parametrize(
    ("cls", "name", "values", "others"),
    [pytest.param(*row, id=f"{row[0].__name__}-{row[1]}") for row in SCHEDULED],
)
def test_scheduled_value_of_the_step_is_used(cls, name, values, others):
    # The first value for the steps 0 to 4, the second from there on.
    schedule = Piecewise([4], list(values))
    scheduled = Step(cls(**{name: schedule}, **others), variables(), COMPILED)
    constants = [Step(cls(**{name: v}, **others), variables()) for v in values]
    state, differs = scheduled.initial_state(), [False, False]
    for t, gradients in enumerate(random_gradients(8)):
        now = int(t > 4)
        given = tensors(gradients)
        right, wrong = constants[now], constants[1 - now]
        clipped, new_state, record = scheduled(given, state, t)
        expected, expected_state, _ = right(given, state, t)
        _, other_state, other_record = wrong(given, state, t)
        for a, b in zip(clipped, expected):
            np.testing.assert_allclose(array(a), array(b), rtol=1e-5, atol=1e-8)
        for key, value in expected_state.items():
            np.testing.assert_allclose(array(new_state[key]), array(value), rtol=1e-5)
        differs[now] |= bool(
            (array(record[1]) != array(other_record[1])).any()
            or any((array(new_state[k]) != array(other_state[k])).any() for k in state)
        )
        state = new_state
    assert all(differs)


# Which variables.


@pytest.mark.parametrize(
    ("arguments", "taking_part"),
    [
        ({}, [0, 1, 2, 3]),
        ({"include": "dense"}, [0, 1]),
        ({"include": "^kernel"}, None),
        ({"include": ["dense/bias", "head/kernel"]}, [1, 2]),
        ({"include": ("dense/bias", "head/kernel")}, [1, 2]),
        ({"include": is_kernel}, [0, 2]),
        ({"include": lambda v: v.shape == (4,)}, [3]),
        ({"exclude": "bias$"}, [0, 2]),
        ({"exclude": ["^dense", "bias"]}, [2]),
        ({"exclude": is_kernel}, [1, 3]),
        ({"include": "head", "exclude": is_kernel}, [3]),
        ({"include": "head", "exclude": "head"}, None),
        ({"include": []}, None),
        ({"exclude": []}, [0, 1, 2, 3]),
    ],
    ids=str,
)
@pytest.mark.parametrize("scope", ["global", "unit"])
def test_include_and_exclude(arguments, taking_part, scope):
    clipper = ClipByNorm(1e-3, scope=scope, **arguments)
    if taking_part is None:
        with pytest.raises(ValueError, match="`include` and `exclude` must leave"):
            clipper.group(variables())
        return
    (gradients,) = random_gradients(1)
    done = trace(Step(clipper, variables()), [tensors(gradients)])
    changed = [
        i
        for i, (a, b) in enumerate(zip(done.gradients[0], gradients))
        if (a != b).any()
    ]
    assert changed == taking_part
    left = sum((gradients[i].astype("float64") ** 2).sum() for i in taking_part)
    np.testing.assert_allclose(done.norms, [[left**0.5]], rtol=1e-5)


def test_include_may_be_any_iterable():
    clipper = ClipByNorm(1.0, include=(name for name in ["dense"]))
    assert clipper.group(variables()).group_of == (0, 0, None, None)


# Serialization.

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
