"""The store of images against one that keeps every stack whole."""

import pickle

import numpy as np
import pytest

from examples.dqn.envs.environments import Steps
from examples.dqn.replay.frame_store import FrameStore, frame_store_nbytes
from examples.dqn.replay.frames import Frames
from examples.dqn.replay.nstep import NStep
from examples.dqn.replay.prioritized import PrioritizedSampler
from examples.dqn.replay.replay import Replay
from examples.dqn.replay.store import TransitionStore
from examples.dqn.replay.uniform import UniformSampler

SHAPE, STACK, GAMMA = (3, 2, 1), 4, 0.9


class Player:
    """Random steps of several environments, as images and as whole stacks.

    Like an environment whose reset takes a call, some report no step at times.
    """

    def __init__(self, num_envs, mean_length, seed=0):
        self.generator = np.random.default_rng(seed)
        self.mean_length = mean_length
        self.stacks = [self._begin() for _ in range(num_envs)]
        self.ends = {"terminated": 0, "truncated": 0}

    def _image(self):
        return self.generator.integers(1, 256, SHAPE, dtype=np.uint8)

    def _begin(self):
        return [np.zeros(SHAPE, np.uint8)] * (STACK - 1) + [self._image()]

    def step(self):
        rows = []
        for number, stack in enumerate(self.stacks):
            if self.generator.random() < 0.1:
                continue
            after = [*stack[1:], self._image()]
            ended = self.generator.random() < 1 / self.mean_length
            terminated = ended and self.generator.random() < 0.5
            truncated = ended and not terminated
            self.ends["terminated"] += terminated
            self.ends["truncated"] += truncated
            action, reward = self.generator.integers(5), self.generator.normal()
            row = (stack, action, reward, terminated, truncated, after, number)
            rows.append(row)
            self.stacks[number] = self._begin() if ended else after
        if not rows:
            return self.step()
        whole = Steps(*map(np.array, zip(*rows)))
        images = whole._replace(
            observations=whole.observations[:, -1],
            next_observations=whole.next_observations[:, -1],
        )
        return whole, images


def pair(size, n, num_envs, prioritized=False):
    """A naive replay and ours, each with what makes its transitions."""
    stores = (
        TransitionStore(size, (STACK, *SHAPE), np.uint8),
        FrameStore(size, num_envs, Frames(size, SHAPE, STACK)),
    )
    pairs = []
    for store in stores:
        sampler = UniformSampler(size)
        if prioritized:
            sampler = PrioritizedSampler(size, 0.6, 0.4, total=500)
        pairs.append((Replay(store, sampler), NStep(n, GAMMA, num_envs)))
    return pairs


def add(replay, nstep, steps):
    replay.add(nstep.push(replay.store.put_away(steps, nstep.waiting)))


def assert_equal(first, second):
    for field, other in zip(first, second, strict=True):
        assert field.dtype == other.dtype
        np.testing.assert_array_equal(field, other)


@pytest.mark.parametrize("mean_length", [2, 8, 200], ids="mean length {}".format)
@pytest.mark.parametrize("num_envs", [1, 3])
@pytest.mark.parametrize("n", [1, 3])
def test_equals_a_naive_replay(n, num_envs, mean_length):
    player = Player(num_envs, mean_length)
    naive, ours = pair(100, n, num_envs)
    for number in range(900 // num_envs):
        whole, images = player.step()
        add(*naive, whole)
        add(*ours, images)
        # While it is filled, when it is full, and over several turns of the ring.
        if number % 10 == 0:
            assert ours[0].store.added == naive[0].store.added
            assert_equal(naive[0].newest(100), ours[0].newest(100))
    assert naive[0].store.added > 700
    assert min(player.ends.values()) > 0
    draws = [
        replay.sample(np.random.default_rng(1), updates=3, batch_size=7)
        for replay, _ in (naive, ours)
    ]
    assert_equal(draws[0].batches, draws[1].batches)
    assert draws[1].batches.observations.shape == (3, 7, STACK, *SHAPE)


def test_prioritized_draws_equal_those_of_a_naive_replay():
    player = Player(2, 8)
    naive, ours = pair(60, 3, 2, prioritized=True)
    for number in range(200):
        whole, images = player.step()
        add(*naive, whole)
        add(*ours, images)
        if number > 20 and number % 10 == 0:
            draws = []
            for replay, _ in (naive, ours):
                draw = replay.sample(np.random.default_rng(number), 2, 5)
                replay.feedback(draw.rows, draw.batches.rewards)
                draws.append(draw)
            assert_equal(draws[0].batches, draws[1].batches)
            np.testing.assert_array_equal(draws[0].weights, draws[1].weights)


def test_last_image_of_a_truncated_episode_is_kept():
    _, (replay, nstep) = pair(10, 1, 1)

    def step(before, after, truncated=False):
        images = (np.full((1, *SHAPE), value, np.uint8) for value in (before, after))
        first, last = images
        flags = np.array([False]), np.array([truncated])
        numbers = np.zeros(1, int)
        add(replay, nstep, Steps(first, numbers, np.ones(1), *flags, last, numbers))

    step(1, 2)
    step(2, 3, truncated=True)
    step(7, 8)
    found = replay.newest(3)
    seen = found.observations[..., 0, 0, 0].tolist()
    seen_next = found.next_observations[..., 0, 0, 0].tolist()
    assert seen == [[0, 0, 0, 1], [0, 0, 1, 2], [0, 0, 0, 7]]
    assert seen_next == [[0, 0, 1, 2], [0, 1, 2, 3], [0, 0, 7, 8]]
    np.testing.assert_allclose(found.discounts, GAMMA)
    # Three steps, and one image more per episode.
    assert replay.store.frames.added == 5


@pytest.mark.parametrize("count", [40, 250])
@pytest.mark.parametrize("mean_length", [3, 100])
def test_pickled_replay_goes_on_as_if_never_stopped(count, mean_length):
    player = Player(2, mean_length)
    naive, ours = pair(50, 3, 2)
    for number in range(count + 100):
        if number == count:
            ours = pickle.loads(pickle.dumps(ours))
        whole, images = player.step()
        add(*naive, whole)
        add(*ours, images)
    assert_equal(naive[0].newest(50), ours[0].newest(50))


def test_new_environments_begin_new_episodes():
    player = Player(1, 10**9)
    _, (replay, nstep) = pair(50, 1, 1)
    for _ in range(5):
        add(replay, nstep, player.step()[1])
    replay.store.begin_episodes()
    nstep.begin_episodes()
    add(replay, nstep, player.step()[1])
    stack = replay.newest(1).observations[0]
    assert not stack[:-1].any()
    assert stack[-1].all()


def test_million_images_fit():
    assert frame_store_nbytes(1_000_000, (84, 84, 1)) < 7.5e9


@pytest.mark.parametrize("size", [100, 3200])
def test_calculated_bytes_are_the_arrays(size):
    player = Player(1, 200)
    _, (replay, nstep) = pair(size, 3, 1)
    expected = frame_store_nbytes(size, SHAPE)
    # Every array, wherever it is.
    store = replay.store
    arrays = [*vars(store.frames).values(), *store._transitions._ring]
    assert sum(a.nbytes for a in arrays if isinstance(a, np.ndarray)) == expected
    for _ in range(3 * size):
        add(replay, nstep, player.step()[1])
    assert store.nbytes == expected, "it grew although episodes are long"
    assert replay.store.frames.added > 3 * size


def test_pickle_has_no_room_that_was_never_used():
    player = Player(1, 50)
    _, ours = pair(100_000, 1, 1)
    for _ in range(100):
        add(*ours, player.step()[1])
    assert len(pickle.dumps(ours)) < 10_000
