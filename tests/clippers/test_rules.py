"""The table of rules: no rule without a row, no argument without its values."""

import dataclasses
import re

import numpy as np
import pytest
from helpers.stepping import MODES, run
from rules import RULES

import keras_gradclip
from keras_gradclip.clippers import GroupedClipper, rules

CLASSES = {name: type(row.make("tight")) for name, row in RULES.items()}
COMMON = {field.name for field in dataclasses.fields(GroupedClipper)}
every_rule = pytest.mark.parametrize("rule", RULES)


def own_arguments(rule):
    fields = dataclasses.fields(CLASSES[rule])
    return {field.name for field in fields} - COMMON


def test_every_exported_rule_has_a_row():
    exported = {getattr(rules, name) for name in rules.__all__}
    assert exported - set(CLASSES.values()) == set()
    assert all(name in keras_gradclip.__all__ for name in rules.__all__)


@every_rule
def test_the_row_knows_every_argument(rule):
    assert set(RULES[rule].every) <= own_arguments(rule)
    assert set(RULES[rule].bad) == own_arguments(rule)
    variants = [row for name, row in RULES.items() if CLASSES[name] is CLASSES[rule]]
    assert set().union(*(row.every for row in variants)) == own_arguments(rule)


@every_rule
def test_the_row_knows_every_argument_that_may_be_a_schedule(rule):
    annotations = {f.name: f.type for f in dataclasses.fields(CLASSES[rule])}
    may_be = {n for n, t in annotations.items() if "LearningRateSchedule" in str(t)}
    assert set(RULES[rule].scheduled) == may_be


@every_rule
def test_the_row_brings_a_known_answer_and_one_numpy_twin(rule):
    row = RULES[rule]
    assert row.answers
    assert sum(twin is not None for twin in (row.decide, row.elements, row.links)) == 1


@pytest.mark.parametrize("mode", MODES)
@every_rule
def test_known_answers(rule, mode):
    for arguments, norms, thresholds in RULES[rule].answers:
        done = run(RULES[rule].cls(**arguments), norms, mode)
        np.testing.assert_allclose(np.ravel(done.thresholds), thresholds, rtol=1e-5)


def test_every_rule_is_measured_by_the_overhead_benchmark():
    measured = {CLASSES[name] for name, row in RULES.items() if row.overhead}
    assert measured == set(CLASSES.values())
    for row in RULES.values():
        assert all(row.cls(**arguments) for arguments in row.overhead.values())


@every_rule
def test_the_docstring_tells_what_people_look_for(rule):
    text = CLASSES[rule].__doc__
    assert re.search(r"\bUse it\b", text), "when to use it"
    for part in ("Args:", "Raises:", "Example:"):
        assert part in text
    if CLASSES[rule] is not keras_gradclip.Chain:
        assert "Formula" in text
    arguments = text.partition("Args:")[2].partition("Raises:")[0]
    documented = re.findall(r"^ {8}(\w+): ", arguments, re.MULTILINE)
    assert documented == list(CLASSES[rule](**RULES[rule].every).get_config())
