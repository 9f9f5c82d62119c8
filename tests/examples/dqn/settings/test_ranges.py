"""Ranges in types: what they accept, and how they say so."""

from dataclasses import dataclass
from typing import Annotated

import pytest

from examples.dqn.errors import ConfigError
from examples.dqn.settings.ranges import OneOf, Range, check_ranges

SHARE = Range(above=0, at_most=1)


@dataclass(frozen=True)
class Settings:
    share: Annotated[float, SHARE] = 0.5
    count: Annotated[int | None, Range(at_least=2)] = None
    sizes: Annotated[tuple[int, ...], Range(at_least=1)] = (1, 2)
    name: Annotated[str, OneOf(("a", "b"))] = "a"
    free: float = float("nan")


@dataclass(frozen=True)
class More(Settings):
    rate: Annotated[float, Range(at_least=0)] = 0.0


@pytest.mark.parametrize(
    ("accepted", "inside", "outside"),
    [
        (Range(at_least=1), [1, 2, 1e30], [0, 0.999, float("inf")]),
        (Range(above=0), [1e-300, 1], [0, -1, float("nan")]),
        (Range(at_least=0, at_most=1), [0, 0.5, 1], [-1e-9, 1.0001, float("nan")]),
        (SHARE, [1e-9, 1], [0, 2]),
    ],
    ids=lambda value: value.rule if isinstance(value, Range) else "",
)
def test_range(accepted, inside, outside):
    assert all(map(accepted.accepts, inside))
    assert not any(map(accepted.accepts, outside))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Range(at_least=1), "at least 1"),
        (Range(above=0), "above 0"),
        (Range(at_least=0, at_most=1), "in [0, 1]"),
        (Range(above=0, at_most=100), "in (0, 100]"),
        (OneOf(("a", "b")), "one of a, b"),
    ],
)
def test_rule_in_words(rule, words):
    assert rule.rule == words


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"share": 0.0}, "share must be in (0, 1]. Received: share=0.0"),
        ({"count": 1}, "count must be None or at least 2. Received: count=1"),
        ({"sizes": (3, 0)}, "each of sizes must be at least 1. Received: sizes=(3, 0)"),
        ({"name": "c"}, "name must be one of a, b. Received: name=c"),
        ({"rate": -1.0}, "rate must be at least 0. Received: rate=-1.0"),
    ],
)
def test_what_is_told(settings, told):
    with pytest.raises(ConfigError) as error:
        check_ranges(More(**settings))
    assert str(error.value) == told


def test_what_is_in_its_range_passes():
    check_ranges(More())
    check_ranges(More(share=1.0, count=2, sizes=(), name="b", free=1.0, rate=3.0))


def test_none_is_no_number():
    with pytest.raises(TypeError):
        check_ranges(Settings(share=None))
