"""Which variables take part."""

import re

import keras
import numpy as np
import pytest
from helpers.stepping import variable

from keras_gradclip._math.selection import (
    as_selector,
    path_of,
    takes_part,
    unmatched,
)

PATHS = ["dense/kernel", "dense/bias", "head/kernel", "head/bias"]


def selected(include=None, exclude=None):
    return [
        path for path in PATHS if takes_part(variable(path, [1.0]), include, exclude)
    ]


def is_bias(v):
    return v.path.endswith("bias")


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        (None, None, PATHS),
        ("head", None, PATHS[2:]),
        # Searched for, not matched from the start.
        ("bias$", None, ["dense/bias", "head/bias"]),
        (["^dense/b", "head/k"], None, PATHS[1:3]),
        (None, "bias", ["dense/kernel", "head/kernel"]),
        (None, ["bias", "head"], ["dense/kernel"]),
        ("head", "bias", ["head/kernel"]),
        (is_bias, None, ["dense/bias", "head/bias"]),
        ("dense", is_bias, ["dense/kernel"]),
        ([], None, []),
        (None, [], PATHS),
    ],
)
def test_include_and_exclude(include, exclude, expected):
    assert selected(include, exclude) == expected


def test_a_function_may_return_what_counts_as_a_bool():
    large = [variable("a", np.ones(9)), variable("b", np.ones(2))]
    chosen = [takes_part(v, lambda v: np.prod(v.shape) > 5, None) for v in large]
    assert chosen == [True, False]


def test_path_of_a_variable_that_has_only_a_name():
    class Bare:
        name = "w:0"

    assert path_of(Bare()) == "w:0"
    assert path_of(variable("dense/kernel", [1.0])) == "dense/kernel"
    assert path_of(keras.Variable(1.0, name="alpha")) == "alpha"


def test_a_pattern_is_searched_for_in_a_better_path_where_there_is_one():
    v = variable("variable_1", [1.0])
    assert takes_part(v, "^wrapper/0", None, path="wrapper/0/weight")
    assert not takes_part(v, "variable", None, path="wrapper/0/weight")


@pytest.mark.parametrize("good", [None, "a.*b", ["a", "b"], [], is_bias])
def test_what_is_a_selector_is_returned(good):
    assert as_selector("include", good) == good


def test_an_iterator_of_patterns_is_kept_for_every_use():
    assert as_selector("include", (p for p in ("a", "b"))) == ["a", "b"]
    assert as_selector("include", ("a", "b")) == ["a", "b"]


@pytest.mark.parametrize(
    "bad", ["(", ["a", "("], 3, [3], [None], True, re.compile("a"), [re.compile("a")]]
)
def test_what_is_none_is_an_error_that_names_it(bad):
    with pytest.raises(
        ValueError, match=r"^`exclude` must be.*Received: exclude="
    ) as e:
        as_selector("exclude", bad)
    assert str(e.value).endswith(f"exclude={bad!r}")


def test_a_layer_a_variable_and_a_class_are_refused_with_a_way_out():
    layer = keras.layers.Dense(1)
    layer.build((None, 2))
    for bad in (layer, layer.kernel, keras.layers.Dense, [layer], [layer.kernel]):
        with pytest.raises(ValueError, match=r"^`include` must.*escape\(v\.path\)"):
            as_selector("include", bad)


@pytest.mark.parametrize(
    ("selector", "closest"),
    [
        ("haed", "'head/kernel', 'head/bias'"),
        ("^head/kernle$", "'head/kernel'"),
        (["dense", "Head/Bias"], "'head/bias'"),
        # The key of a dict.
        ({"dens/kernel": (0,)}, "'dense/kernel'"),
    ],
)
def test_a_pattern_that_matches_nothing_is_told_with_the_closest(selector, closest):
    told = unmatched("exclude", selector, PATHS)
    assert told.startswith("`exclude` has patterns that match no variable: ")
    assert f". The closest are {closest}. The trainable variables are 'den" in told


def test_a_pattern_that_is_like_nothing_is_told_with_the_paths():
    assert unmatched("include", ["dense", "xyz"], PATHS) == (
        "`include` has patterns that match no variable: 'xyz'. The trainable "
        "variables are 'dense/kernel', 'dense/bias', 'head/kernel', 'head/bias'."
    )


def test_not_all_of_many_paths_are_listed():
    many = [f"layer_{i}/kernel" for i in range(1000)]
    told = unmatched("include", "nothing", many)
    assert told.endswith("'layer_19/kernel' and 980 more.")


@pytest.mark.parametrize(
    "selector", [None, "head", ["dense", "bias$"], is_bias, lambda v: False, []]
)
def test_what_matches_is_not_told(selector):
    assert unmatched("include", selector, PATHS) is None


def test_an_exact_path_need_not_be_a_regular_expression():
    assert unmatched("unit_axes", {"c++/w": (0,)}, ["c++/w"]) is None
