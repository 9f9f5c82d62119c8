"""The ring of transitions: where each is, and what is written to disk of it."""

import pickle

import numpy as np
import pytest

from examples.dqn.replay.store import TransitionStore
from examples.dqn.replay.transitions import Transitions


def numbered(start, count):
    """Transitions that can be told apart by any of their fields."""
    numbers = np.arange(start, start + count)
    observations = np.stack([numbers, -numbers], axis=1).astype(np.float32)
    return Transitions(
        observations, numbers % 7, numbers * 2.0, numbers / 8, observations + 0.5
    )


def filled(size, count):
    store = TransitionStore(size, (2,))
    store.add(numbered(0, count))
    return store


def assert_same(one, other):
    for field, other_field in zip(one, other, strict=True):
        np.testing.assert_array_equal(field, other_field)


@pytest.mark.parametrize("chunks", [[4, 4, 4], [10, 10], [7, 7, 7], [1] * 21, [3, 25]])
def test_each_transition_is_in_the_row_of_its_number(chunks):
    store, added = TransitionStore(10, (2,)), 0
    for chunk in chunks:
        store.add(numbered(added, chunk))
        added += chunk
        assert store.added == added
        assert store.count == min(added, 10)
        numbers = np.arange(max(added - 10, 0), added)
        expected = numbered(0, added)
        assert_same(store.take(numbers % 10), (f[numbers] for f in expected))


def test_rows_of_any_shape():
    rows = np.array([[[0, 3], [2, 2]]])
    found = filled(10, 5).take(rows)
    assert found.rewards.tolist() == [[[0.0, 6.0], [4.0, 4.0]]]
    assert found.next_observations.shape == (1, 2, 2, 2)


def test_neither_what_went_in_nor_what_came_out_is_the_store():
    store, transitions = TransitionStore(10, (2,)), numbered(0, 5)
    store.add(transitions)
    out = store.take(np.arange(5))
    for field in (*transitions, *out):
        field[:] = 99
    assert_same(store.take(np.arange(5)), numbered(0, 5))


@pytest.mark.parametrize(("count", "kept"), [(0, 0), (4, 4), (10, 10), (13, 10)])
def test_observations_are_those_that_are_there(count, kept):
    found = filled(10, count).observations
    newest = numbered(0, count).observations[count - kept :]
    assert sorted(found.tolist()) == sorted(newest.tolist())


@pytest.mark.parametrize("count", [0, 4, 10, 13])
def test_kept_store_goes_on_as_if_never_stopped(count):
    store = filled(10, count)
    again = pickle.loads(pickle.dumps(store))
    for one in (store, again):
        one.add(numbered(count, 8))
    assert again.added == store.added
    rows = np.arange(store.count)
    assert_same(again.take(rows), store.take(rows))


def test_what_was_never_written_is_not_saved():
    few, many = filled(10**6, 10), filled(10**6, 1000)
    assert len(pickle.dumps(few)) < 2000
    # Two observations of two floats, action, reward and discount: 28 bytes.
    assert len(pickle.dumps(many)) - len(pickle.dumps(few)) < 1.1 * 990 * 28
    # And the store itself stays whole.
    assert few.nbytes == pickle.loads(pickle.dumps(few)).nbytes == 28 * 10**6


def test_observations_are_kept_in_their_type():
    store = TransitionStore(4, (), np.int64)
    numbers = np.array([2**40, 2**40 + 1])
    store.add(Transitions(numbers, *np.zeros((3, 2)), numbers))
    assert store.take(np.arange(2)).observations.tolist() == numbers.tolist()


def test_nothing_is_put_away_before():
    steps = object()
    assert TransitionStore(4, (2,)).put_away(steps, []) is steps
