"""Arguments of every rule: errors, schedules and selection."""

import keras
import numpy as np
import pytest
from helpers.stepping import (
    COMPILED,
    Step,
    array,
    random_gradients,
    tensors,
    trace,
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
)

RULES = [ClipByNorm, ClipByValue, AutoClip, AGC, ZClip, AdaGC, QuantileClip]
REQUIRED = {ClipByNorm: {"max_norm": 1.0}, ClipByValue: {"value": 1.0}}
Piecewise = keras.optimizers.schedules.PiecewiseConstantDecay


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


@pytest.mark.parametrize(
    ("cls", "name", "values"),
    [
        (AutoClip, "percentile", [0, 100]),
        (AutoClip, "window", [1, np.int64(3)]),
        (QuantileClip, "quantile", [0, 1]),
        (ZClip, "decay", [0]),
        (ZClip, "warmup_steps", [1]),
        (AdaGC, "relative_threshold", [1]),
        (AdaGC, "decay", [0]),
        (AdaGC, "warmup_steps", [1]),
        (ClipByNorm, "max_norm", [np.float32(1)]),
    ],
)
def test_bounds_of_the_ranges_are_allowed(cls, name, values):
    for value in values:
        assert cls(**{name: value}).get_config()[name] == value


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
