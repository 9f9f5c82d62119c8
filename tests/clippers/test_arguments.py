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
from rules import RULES

from keras_gradclip import AGC, ClipByNorm
from keras_gradclip.clippers import GroupedClipper, NormClipper

Piecewise = keras.optimizers.schedules.PiecewiseConstantDecay
GROUPED = [n for n, r in RULES.items() if isinstance(r.make("tight"), GroupedClipper)]


def is_kernel(variable):
    return variable.path.endswith("kernel")


# Errors.

COMMON = {
    "scope": ["nonsense", None, 1, "Global"],
    "on_nonfinite": ["nonsense", None, True],
    "include": [5, "(", ["kernel", "("], [1]],
    "exclude": [5, "(", ["kernel", "("], [1]],
    "observe_only": [None, 1, "yes"],
}


def bad_values():
    for rule, row in RULES.items():
        bad = dict(row.bad)
        if rule in GROUPED:
            bad |= COMMON
            if "unit" not in row.scopes:
                bad["scope"] = [*bad["scope"], "unit"]
        for name, values in bad.items():
            for value in values:
                label = f"{rule}-{name}-{value!r:.20}"
                yield pytest.param(RULES[rule].cls, name, value, id=label)


@pytest.mark.parametrize(("cls", "name", "value"), list(bad_values()))
def test_bad_argument_is_named_with_its_rule_and_value(cls, name, value):
    with pytest.raises(ValueError, match=f"`{name}` (must|may) .*Received: ") as error:
        cls(**{name: value})
    assert f"{name}={value!r}" in str(error.value)


def test_unit_axes_need_scope_unit():
    with pytest.raises(ValueError, match=r"`unit_axes`.*scope='layer'"):
        AGC(unit_axes={"kernel": [0]}, scope="layer")


@pytest.mark.parametrize("rule", [n for n, row in RULES.items() if row.allowed])
def test_bounds_of_the_ranges_are_allowed(rule):
    for name, values in RULES[rule].allowed.items():
        for value in values:
            assert RULES[rule].cls(**{name: value}).get_config()[name] == value


def test_rule_without_decide_says_so():
    class Nothing(NormClipper):
        pass

    step = Step(Nothing(), variables())
    with pytest.raises(NotImplementedError, match="Nothing must implement `decide`"):
        step(tensors(random_gradients(1)[0]), {}, 0)


# Schedules.

SCHEDULED = [
    (rule, name, scope)
    for rule, row in RULES.items()
    for name in row.scheduled
    for scope in row.scopes
    if scope in (row.make("tight").scope, "variable")
]


@pytest.mark.parametrize(("rule", "name", "scope"), SCHEDULED)
def test_scheduled_value_of_the_step_is_used(rule, name, scope):
    row = RULES[rule]
    cls, (first, second, *rest) = row.cls, row.scheduled[name]
    values, others = (first, second), dict(*rest, scope=scope)
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
            any((array(record[i]) != array(other_record[i])).any() for i in (1, 2))
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
