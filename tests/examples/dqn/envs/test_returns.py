"""Returns are counted per environment, episode by episode."""

import numpy as np
import pytest

pytest.importorskip("gymnasium")

from examples.dqn.envs.environments import Steps
from examples.dqn.envs.returns import Returns


def step(rewards, terminated=(), truncated=(), environments=None):
    count = len(rewards)
    numbers = np.arange(count) if environments is None else np.array(environments)
    nothing = np.zeros((count, 1))
    return Steps(
        observations=nothing,
        actions=np.zeros(count, int),
        rewards=np.array(rewards),
        terminated=np.isin(numbers, terminated),
        truncated=np.isin(numbers, truncated),
        next_observations=nothing,
        environments=numbers,
    )


def test_sums_are_of_one_environment_and_of_one_episode():
    returns = Returns(3)
    assert returns.push(step([1.0, 10.0, 100.0])) == []
    assert returns.push(step([2.0, 20.0, 200.0], terminated=[1])) == [30.0]
    ends = step([4.0, 40.0, 400.0], terminated=[0], truncated=[1, 2])
    assert returns.push(ends) == [7.0, 40.0, 700.0]
    assert returns.push(step([8.0, 80.0, 800.0], truncated=[0])) == [8.0]


def test_an_environment_that_was_reset_adds_nothing():
    returns = Returns(3)
    returns.push(step([1, 1, 1]))
    assert returns.push(step([2, 3], [2], environments=[0, 2])) == [4.0]
    assert returns.push(step([5, 5, 5], [0, 1, 2])) == [8.0, 6.0, 5.0]


def test_new_environments_start_from_nothing():
    returns = Returns(1)
    returns.push(step([5.0]))
    returns.begin_episodes()
    assert returns.push(step([1.0], terminated=[0])) == [1.0]
