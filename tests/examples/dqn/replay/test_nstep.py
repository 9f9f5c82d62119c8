"""Sums of rewards over several steps, and where they must end."""

import numpy as np
import pytest

from examples.dqn.envs.environments import Steps
from examples.dqn.replay.nstep import NStep


def step(numbers, terminated=(), truncated=(), environments=None):
    """One step of several environments; all fields tell the number."""
    numbers = np.array(numbers, np.float32)
    if environments is None:
        environments = np.arange(len(numbers))
    return Steps(
        observations=numbers[:, None],
        actions=numbers.astype(int),
        rewards=10.0 ** (numbers % 10),
        terminated=np.isin(numbers, terminated),
        truncated=np.isin(numbers, truncated),
        next_observations=numbers[:, None] + 1,
        environments=np.asarray(environments),
    )


def rows(transitions):
    """(first observation, action, reward, discount, last observation) of each."""
    observations, actions, rewards, discounts, after = transitions
    columns = observations[:, 0], actions, rewards, discounts, after[:, 0]
    return [tuple(float(x) for x in row) for row in zip(*columns)]


def test_one_step():
    nstep = NStep(1, 0.5, 3)
    transitions = nstep.push(step([0, 1, 2], terminated=[1], truncated=[2]))
    assert rows(transitions) == [
        (0, 0, 1, 0.5, 1),
        (1, 1, 10, 0, 2),
        (2, 2, 100, 0.5, 3),
    ]


def play(numbers, n, **ends):
    nstep, out = NStep(n, 0.5, 1), []
    for number in numbers:
        out += rows(nstep.push(step([number], **ends)))
    return out


def test_three_steps():
    out = play(range(5), 3)
    # 1 + 10/2 + 100/4, and so on; the last two wait for what follows.
    assert out == [
        (0, 0, 31, 0.125, 3),
        (1, 1, 310, 0.125, 4),
        (2, 2, 3100, 0.125, 5),
    ]


@pytest.mark.parametrize("end", ["terminated", "truncated"])
def test_the_end_of_an_episode_cuts_all_that_wait(end):
    out = play(range(6), 3, **{end: [3]})
    ends = [0, 0, 0] if end == "terminated" else [0.125, 0.25, 0.5]
    assert out == [
        (0, 0, 31, 0.125, 3),
        (1, 1, 310, ends[0], 4),
        (2, 2, 600, ends[1], 4),
        (3, 3, 1000, ends[2], 4),
    ]


def test_an_episode_shorter_than_n():
    assert play(range(2), 5, truncated=[1]) == [(0, 0, 6, 0.25, 2), (1, 1, 10, 0.5, 2)]


def test_environments_do_not_mix():
    nstep = NStep(2, 0.5, 2)
    assert rows(nstep.push(step([0, 10]))) == []
    # Environment 0 was being reset, so only the other one has stepped.
    assert rows(nstep.push(step([11], environments=[1]))) == [(10, 10, 6, 0.25, 12)]
    assert rows(nstep.push(step([1, 12]))) == [
        (0, 0, 6, 0.25, 2),
        (11, 11, 60, 0.25, 13),
    ]


def test_every_step_begins_one_transition():
    generator = np.random.default_rng(0)
    nstep, seen, number = NStep(4, 0.9, 1), [], 0
    for number in range(300):
        ends = generator.random(2) < 0.1
        one = step([0])._replace(
            actions=np.array([number]), terminated=ends[:1], truncated=ends[1:]
        )
        seen += nstep.push(one).actions.tolist()
    assert seen == list(range(len(seen)))
    assert 300 - len(seen) < 4


@pytest.mark.parametrize("n", [1, 2])
def test_each_reward_is_clipped_by_itself(n):
    nstep = NStep(n, 0.5, 1, reward_clip=2.0)
    rewards = [5.0, 1.0, -7.0, np.inf, np.nan]
    out = []
    for reward in rewards:
        one = np.zeros((1, 1))
        flags = np.array([False]), np.array([reward is rewards[-1]])
        steps = Steps(one, np.zeros(1, int), np.array([reward]), *flags, one, [0])
        out += nstep.push(steps).rewards.tolist()
    # What is not finite stays, so that the run can refuse it.
    clipped = np.array([2.0, 1.0, -2.0, np.inf, np.nan])
    if n == 2:
        clipped[:-1] += 0.5 * clipped[1:]
    np.testing.assert_array_equal(out, clipped)
