"""The history of a run is its own, and goes into its checkpoint."""

import pickle

import numpy as np

from examples.dqn.runs.history import History


def test_two_runs_of_a_process_share_no_history():
    first, second = History(), History()
    first.episodes.append((8, 1.0))
    first.evaluations.append((9, 2.0))
    first.clips.append({"norm": np.ones(2)})
    assert second == History([], [], [])


def test_mean_return_waits_for_an_episode_and_forgets_old_ones():
    history = History()
    assert history.mean_return() is None
    history.episodes += [(0, float(value)) for value in range(50)]
    assert history.mean_return() == np.mean(range(30, 50))


def test_a_kept_history_goes_on_without_changing_what_was_kept():
    history = History()
    history.episodes += [(8, 1.0), (20, 3.0)]
    history.evaluations.append((16, 2.5))
    history.clips.append({"norm": np.array([1.0, np.inf])})
    kept = pickle.dumps(history)
    history.episodes.append((30, 5.0))
    again = pickle.loads(kept)
    assert again.episodes == [(8, 1.0), (20, 3.0)]
    assert again.evaluations == [(16, 2.5)]
    np.testing.assert_array_equal(again.clips[0]["norm"], [1.0, np.inf])
