"""Which variables take part."""

import keras
import numpy as np
import pytest
from helpers.stepping import variable

from keras_gradclip._math.selection import as_selector, path_of, takes_part

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


@pytest.mark.parametrize("good", [None, "a.*b", ["a", "b"], [], is_bias])
def test_what_is_a_selector_is_returned(good):
    assert as_selector("include", good) == good


def test_an_iterator_of_patterns_is_kept_for_every_use():
    assert as_selector("include", (p for p in ("a", "b"))) == ["a", "b"]
    assert as_selector("include", ("a", "b")) == ["a", "b"]


@pytest.mark.parametrize("bad", ["(", ["a", "("], 3, [3], [None], True])
def test_what_is_none_is_an_error_that_names_it(bad):
    with pytest.raises(
        ValueError, match=r"^`exclude` must be.*Received: exclude="
    ) as e:
        as_selector("exclude", bad)
    assert str(e.value).endswith(f"exclude={bad!r}")
