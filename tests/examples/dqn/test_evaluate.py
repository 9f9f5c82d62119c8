"""Greedy episodes are those that one would play one after the other."""

from functools import partial

import numpy as np
import pytest

gymnasium = pytest.importorskip("gymnasium")

from helpers.dqn_envs import Numbered  # noqa: E402

from examples.dqn import evaluate as module  # noqa: E402
from examples.dqn.errors import RunError  # noqa: E402
from examples.dqn.evaluate import evaluate, play_each, play_images  # noqa: E402
from examples.dqn.networks.policy import Policy  # noqa: E402

for name, shape in (("Numbered-v0", (2, 3, 1)), ("NumberedGray-v0", (2, 3))):
    if name not in gymnasium.registry:
        gymnasium.register(name, Numbered, kwargs={"shape": shape})


class Leaning(Policy):
    """Follows the pole, and keeps what it was asked."""

    num_actions = 2

    def __init__(self):
        self.asked = []

    def q_values(self, observations):
        self.asked.append(observations)
        lean = observations[:, 2]
        return np.stack([-lean, lean], axis=1)


class Counting(Policy):
    """Takes the newest image modulo 4 for its action; sees two at once."""

    num_actions, frame_stack = 4, 2

    def __init__(self):
        self.asked = []

    def q_values(self, observations):
        assert observations.shape[1:] == (2, 2, 3, 1)
        self.asked.append(observations)
        return np.eye(4)[observations[:, -1, 0, 0, 0] % 4]


def return_alone(env, policy, seed):
    """One episode after the other, and one step after the other."""
    (observation, _), total, ended = env.reset(seed=seed), 0.0, False
    while not ended:
        action = policy.greedy(observation[None])[0]
        observation, reward, *ends, _ = env.step(action + env.action_space.start)
        total, ended = total + reward, any(ends)
    return total


def test_episode_i_starts_from_seed_plus_i():
    policy = Leaning()
    found = evaluate(policy, "CartPole-v1", 5, seed=30)
    env = gymnasium.make("CartPole-v1")
    expected = [return_alone(env, policy, 30 + index) for index in range(5)]
    assert found.tolist() == expected
    assert len({*expected}) > 1


@pytest.mark.parametrize("env_id", ["Numbered-v0", "NumberedGray-v0"])
def test_images_are_played_as_numbers_are(env_id):
    found = evaluate(Counting(), env_id, 6, seed=0)
    expected = []
    for seed in range(6):
        env = gymnasium.wrappers.FrameStackObservation(Numbered(), 2)
        expected.append(return_alone(env, Counting(), seed))
    assert found.tolist() == expected
    assert len({*expected}) > 3


@pytest.mark.parametrize("images", [False, True])
def test_each_environment_plays_one_episode_and_only_it_is_thought_about(images):
    # Episodes of 2, 3, 4 and 5 steps.
    policy = Counting()
    if images:
        found = play_images(policy, "Numbered-v0", 4, 0)
    else:
        policy.q_values = lambda seen: (
            policy.asked.append(seen) or np.eye(4)[[0] * len(seen)]
        )
        found = play_each(policy, [Numbered() for _ in range(4)], 0)
    assert [len(seen) for seen in policy.asked] == [4, 4, 3, 2, 1]
    # The first action is 3.
    if not images:
        assert found.tolist() == [6.0, 9.0, 12.0, 15.0]


def test_watch_is_called_after_the_resets_and_after_each_step():
    envs, seen = [Numbered() for _ in range(3)], []
    policy = Leaning()
    policy.q_values = lambda seen: np.eye(4)[[1] * len(seen)]
    play_each(policy, envs, 0, lambda: seen.append([env.steps for env in envs]))
    assert seen == [[0, 0, 0], [1, 1, 1], [2, 2, 2], [2, 3, 3], [2, 3, 4]]


@pytest.mark.parametrize(("seed", "steps"), [(1, 3), (2, 4)])
def test_watch_sees_the_first_episode_of_images_and_no_more(seed, steps):
    # The other one goes on for longer.
    seen = []
    play_images(Counting(), "Numbered-v0", 2, seed, seen.append)
    first = 100 * (seed % 2) + 1
    values = [int(image[0, 0, 0]) for image in seen]
    assert values == [*range(first, first + steps + 1)]


@pytest.mark.parametrize("images", [False, True])
def test_episode_without_an_end_is_left(images, monkeypatch):
    monkeypatch.setattr(module, "MAX_STEPS", 3)
    monkeypatch.setattr(Numbered, "step", endless)
    policy = Counting()
    if images:
        assert play_images(policy, "Numbered-v0", 2, 0).tolist() == [3.0, 3.0]
    else:
        policy.q_values = lambda seen: np.eye(4)[[1] * len(seen)]
        assert play_each(policy, [Numbered()], 0).tolist() == [3.0]


def endless(self, action):
    return self._observation(), 1.0, False, False, {}


def test_vectors_are_no_images():
    with pytest.raises(TypeError, match="policy that sees images"):
        play_images(Leaning(), "CartPole-v1", 1, 0)


@pytest.mark.parametrize("images", [False, True])
def test_failing_environment_is_told_in_one_line(images, monkeypatch):
    def crash(self, action):
        raise ValueError("the simulator\nhas crashed")

    if images:
        monkeypatch.setattr(Numbered, "step", crash)
        play = partial(evaluate, Counting(), "Numbered-v0")
    else:
        monkeypatch.setattr(
            "gymnasium.envs.classic_control.cartpole.CartPoleEnv.step", crash
        )
        play = partial(evaluate, Leaning(), "CartPole-v1")
    with pytest.raises(RunError) as error:
        play(2, 0)
    told = "fails in a greedy episode (ValueError: the simulator has crashed)"
    assert str(error.value).endswith(told)


def test_all_environments_are_closed(monkeypatch):
    closed = []
    monkeypatch.setattr(Numbered, "close", lambda self: closed.append(self.name))
    evaluate(Counting(), "Numbered-v0", 3, seed=5)
    assert {5, 6, 7} <= {*closed}
