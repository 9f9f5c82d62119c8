"""Every rule at every scope, with a step that is compiled once."""

import functools

import numpy as np
import pytest
from helpers.stepping import (
    COMPILED,
    Step,
    tensors,
    trace,
    variables,
)
from rules import CASES, RULES

every_case = pytest.mark.parametrize(("name", "scope"), CASES)
# Layers differ from variables in nothing but the grouping.
most_cases = pytest.mark.parametrize(
    ("name", "scope"), [case for case in CASES if case[1] != "layer"]
)


def of(values, scope):
    """The entries of a record that belong to the last link of a chain."""
    return np.asarray(values)[-{"global": 1, "layer": 2, "variable": 4}.get(scope, 1) :]


def step_of(name, scope, mode="eager", **common):
    return Step(RULES[name].make("tight", scope=scope, **common), variables(), mode)


@functools.cache
def compiled_step(name, scope, kind="tight"):
    """Compiled once for all tests; that eager does the same is a test too."""
    return Step(RULES[name].make(kind, scope=scope), variables(), COMPILED)


def clip_all(step, gradient_lists):
    return trace(step, [tensors(gradients) for gradients in gradient_lists])
