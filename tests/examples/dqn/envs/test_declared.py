"""Values are put into the form that their space declares, or refused."""

import numpy as np
import pytest

spaces = pytest.importorskip("gymnasium").spaces

from examples.dqn.envs.declared import as_declared, cast, number  # noqa: E402
from examples.dqn.errors import Undeclared  # noqa: E402

REALS = spaces.Box(-1, 1, (2,), np.float32)
BYTES = spaces.Box(0, 255, (2,), np.uint8)


@pytest.mark.parametrize(
    ("space", "value", "expected"),
    [
        (REALS, [0, 1], np.array([0, 1], np.float32)),
        (REALS, np.array([7.0, 9.0]), np.array([7, 9], np.float32)),  # out of bounds
        (REALS, np.array([True, False]), np.array([1, 0], np.float32)),
        (REALS, [np.inf, 0.0], np.array([np.inf, 0], np.float32)),
        (BYTES, [3.0, 255], np.array([3, 255], np.uint8)),
        (BYTES, np.array([True, False]), np.array([1, 0], np.uint8)),
        (spaces.Discrete(3), 2.0, np.array(2)),
        (spaces.Discrete(3), np.array([1]), np.array(1)),
        (spaces.MultiBinary(2), [True, False], np.array([1, 0], np.int8)),
    ],
    ids=str,
)
def test_numbers_of_any_kind_are_taken(space, value, expected):
    np.testing.assert_array_equal(as_declared(space, value), expected, strict=True)


@pytest.mark.parametrize(
    ("space", "value", "told"),
    [
        (REALS, [0.0], "observation of shape (1,), declared is (2,)"),
        (REALS, ["a", "b"], "observation of <U1, declared is float32"),
        (REALS, [1e39, 0], "with 1e+39 of float64, which float32 cannot hold"),
        (BYTES, [0.5, 1], "with 0.5 of float64, which uint8 cannot hold"),
        (BYTES, [256, 0], "with 256 of int64, which uint8 cannot hold"),
        (BYTES, [-1, 0], "with -1 of int64, which uint8 cannot hold"),
        (BYTES, [np.nan, 0], "with nan of float64, which uint8 cannot hold"),
        (spaces.Discrete(3), 3, "observation 3, declared is Discrete(3)"),
        (spaces.MultiBinary(2), [2, 0], "observation [2, 0], declared is MultiBinary"),
        (spaces.Tuple([REALS]), [], "observation of list of 0, declared are 1"),
        (spaces.Dict(a=REALS), 3, "observation with int, declared is ['a']"),
        (
            spaces.Dict(a=spaces.Tuple([BYTES, REALS])),
            {"a": ([0, 0], [0])},
            "observation['a'][1] of shape (1,), declared is (2,)",
        ),
    ],
    ids=str,
)
def test_what_is_no_such_value_is_told(space, value, told):
    with pytest.raises(Undeclared) as error:
        as_declared(space, value)
    assert told in str(error.value)


def test_rounding_is_no_loss():
    thirds = np.array([1 / 3, 16777217.0])
    found = cast(thirds, np.dtype(np.float32), "x")
    np.testing.assert_array_equal(found, thirds.astype(np.float32), strict=True)


@pytest.mark.parametrize(
    "value", [2, 2.0, np.float32(2), np.array(2), np.array([[2.0]]), [2], "object"]
)
def test_one_number(value):
    if value == "object":
        value = np.array([2], object)
    found = number(value, "reward")
    assert (type(found), found) == (float, 2.0)


@pytest.mark.parametrize("value", [None, "2", [1, 2], {}, np.zeros(0), 1j])
def test_what_is_no_number(value):
    with pytest.raises(Undeclared, match=r"reward of .*, which is no number"):
        number(value, "reward")
