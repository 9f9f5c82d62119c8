"""Axes that a user names, and what is refused."""

import doctest
import re

import keras
import numpy as np
import pytest
from helpers.held import Held
from keras import layers as L

from keras_gradclip._math import unit_axes
from keras_gradclip._math.unit_axes import resolve_unit_axes, unit_axes_of


@pytest.fixture(autouse=True)
def no_random_numbers(monkeypatch):
    """Axes do not depend on values, and JAX compiles random ones for each shape."""
    for name in ("VarianceScaling", "Orthogonal", "RandomUniform"):
        monkeypatch.setattr(
            getattr(keras.initializers, name),
            "__call__",
            lambda self, shape, dtype=None, **kw: np.ones(tuple(shape), "float32"),
        )


def test_overrides_exact_then_first_match_then_default():
    path, shape = "m/conv/kernel", (3, 3, 4, 8)
    assert resolve_unit_axes(path, shape, None) == (0, 1, 2)
    assert resolve_unit_axes(path, shape, {}) == (0, 1, 2)
    overrides = {"conv": (3,), "kernel$": (0,), path: (1,), "c++/kernel": (2,)}
    assert resolve_unit_axes(path, shape, overrides) == (1,)
    assert resolve_unit_axes("m/conv2/kernel", shape, overrides) == (3,)
    assert resolve_unit_axes("m/dense/kernel", shape, overrides) == (0,)
    # An exact path need not be a regular expression.
    assert resolve_unit_axes("c++/kernel", shape, overrides) == (2,)
    assert resolve_unit_axes("m/other", shape, {"conv": (3,)}) == (0, 1, 2)


AXES = [(2, 0), [0, -1], np.array([0, 2]), np.int64(1), -1, (-3,), (), range(2)]
SORTED = [(0, 2), (0, 2), (0, 2), (1,), (2,), (0,), (), (0, 1)]


@pytest.mark.parametrize(
    ("axes", "expected"), list(zip(AXES, SORTED, strict=True)), ids=str
)
def test_axes_become_sorted_plain_ints(axes, expected):
    found = resolve_unit_axes("w", (2, 3, 4), {"w": axes})
    assert found == expected
    assert all(type(axis) is int for axis in found)


BAD_AXES = [
    (3,),
    (-4,),
    (0, 0),
    (0, -3),
    (0.0,),
    1.5,
    "0",
    "kernel",
    None,
    True,
    (False,),
]


@pytest.mark.parametrize("axes", BAD_AXES, ids=str)
@pytest.mark.parametrize("key", ["a/w", "^a"])
def test_bad_axes_raise(axes, key):
    message = (
        "`unit_axes` must give axes that are ints in [-3, 3), each once, for the "
        f"weight 'a/w' of shape (2, 3, 4). Received: {axes!r} for the key {key!r}"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        resolve_unit_axes("a/w", (2, 3, 4), {key: axes})


def test_a_scalar_has_no_axis_to_name():
    assert resolve_unit_axes("s", (), {"s": ()}) == ()
    with pytest.raises(ValueError, match=r"must give axes .*Received: \(0,\)"):
        resolve_unit_axes("s", (), {"s": (0,)})


NO_DICT = [((0,), "(0,)"), ("kernel", "'kernel'"), ([("kernel", (0,))], "[('kernel'")]
NO_PATTERN = [({"(": 0}, "key '('"), ({3: 0}, "key 3"), ({None: 0}, "key None")]


@pytest.mark.parametrize(("overrides", "received"), NO_DICT + NO_PATTERN, ids=str)
def test_bad_overrides_raise(overrides, received):
    with pytest.raises(ValueError, match=r"^`unit_axes` must .*Received: ") as error:
        resolve_unit_axes("w", (2, 3), overrides)
    assert received in str(error.value).split("Received: ")[1]


@pytest.mark.parametrize("make", [lambda: L.Dense(2), lambda: Held()])
def test_a_model_that_is_not_built_raises(make):
    with pytest.raises(ValueError, match=r"^`model` must be built.*Received: model=<"):
        unit_axes_of(make())


@pytest.mark.parametrize("model", [None, "dense", [1], L.Dense], ids=str)
def test_what_is_no_layer_raises(model):
    message = r"^`model` must be a `keras.Model` or a `keras.Layer`. Received: model="
    with pytest.raises(ValueError, match=message):
        unit_axes_of(model)


def test_the_same_path_raises_only_when_the_axes_differ():
    def model(*classes):
        pairs = [(cls(3, 2, name="x"), (1, 4, 4, 3)) for cls in classes]
        held = Held(*pairs, name="twins")
        held.build()
        return held

    same = model(L.Conv2D, L.Conv2D)
    assert len(unit_axes_of(same)) < len(same.trainable_weights)
    with pytest.raises(ValueError, match=r"the same path.*\(0, 1, 2\) and \(0, 1, 3\)"):
        unit_axes_of(model(L.Conv2D, L.Conv2DTranspose))


def test_docstring_examples():
    result = doctest.testmod(unit_axes)
    assert result.attempted >= 5
    assert result.failed == 0
