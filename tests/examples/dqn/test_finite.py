"""What is not finite in float32 is told where it comes in."""

import numpy as np
import pytest

pytest.importorskip("gymnasium")

from examples.dqn.errors import RunError
from examples.dqn.finite import check_numbers, check_values
from examples.dqn.replay.transitions import Transitions


def transitions(**changed):
    fields = dict(
        observations=np.zeros((2, 3)),
        actions=np.zeros(2, int),
        rewards=np.zeros(2),
        discounts=np.ones(2),
        next_observations=np.zeros((2, 3)),
    )
    return Transitions(**{**fields, **changed})


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39, -1e39])
@pytest.mark.parametrize("name", ["rewards", "observations", "next_observations"])
def test_numbers_that_float32_cannot_hold(name, value):
    numbers = getattr(transitions(), name).copy()
    numbers.flat[-1] = value
    with pytest.raises(RunError) as error:
        check_numbers([transitions(), transitions(**{name: numbers})], "Own-v0", 7)
    told = f"Own-v0 gives {name.replace('_', ' ')} that are not finite"
    assert str(error.value) == f"{told}, at or before step 7"


def test_sound_numbers_and_none_at_all():
    check_numbers([], "Own-v0", 0)
    check_numbers([transitions(rewards=np.full(2, 3e38))], "Own-v0", 7)
    check_values(np.zeros(4), np.zeros((4, 2)), 4, 7)


@pytest.mark.parametrize("where", ["loss", "error"])
def test_first_update_that_is_not_finite(where):
    losses, errors = np.zeros(4), np.zeros((4, 2))
    if where == "loss":
        losses[1:] = np.inf
    else:
        errors[1:, 1] = np.nan
    with pytest.raises(RunError, match=r"at update 1,002, before step 9,000: the net"):
        check_values(losses, errors, 1004, 9000)
