"""When CartPole counts as solved, and what that takes."""

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)
pytest.importorskip("gymnasium")

from benchmarks.dqn_solved import judge
from benchmarks.dqn_solved.report import report


class Clock:
    """A second for each look at it."""

    now = 0.0

    def __call__(self):
        self.now += 1.0
        return self.now


def judged(scores, monkeypatch, every=1):
    """A judge after a run with such evaluations, one each 2,500 steps."""
    left = iter(scores)
    monkeypatch.setattr(judge, "play", lambda greedy, episodes: next(left))
    found = judge.Judge(Clock())
    for step in range(0, judge.EVERY * len(scores) + 1, judge.EVERY // every):
        found.step(step, None)
    return found


@pytest.mark.parametrize(
    ("scores", "steps"),
    [
        ([500.0, 475.0], 5_000),
        ([500.0, 474.9, 500.0, 500.0, 9.0], 10_000),
        ([500.0, 400.0, 500.0], None),
        ([500.0], None),
    ],
)
@pytest.mark.parametrize("every", [1, 5])
def test_solved_is_twice_in_a_row(scores, steps, every, monkeypatch):
    found = judged(scores, monkeypatch, every)
    assert [score for _, score in found.scores] == scores
    assert (found.solved and found.solved[1]) == steps


def test_evaluations_do_not_count_as_time(monkeypatch):
    # The clock is read at the start and at the end of each: 1, 2 and 3, 4.
    assert judged([500.0, 500.0], monkeypatch).solved == (2.0, 5_000)


def test_play_plays_whole_episodes():
    left = judge.play(lambda rows: np.zeros(len(rows), int), 3)
    assert 5 < left < 15
    # As little of both directions as keeps the pole up for longer.
    lean = judge.play(lambda rows: (rows[:, 2] + rows[:, 3] > 0).astype(int), 3)
    assert lean > 150


def run(who, seed, seconds, score=500.0):
    return {
        "who": who,
        "seed": seed,
        "solved seconds": seconds,
        "solved steps": seconds and 5_000,
        "seconds": 30.0,
        "score": score,
        "clock": "wall",
        "machine": "a machine",
        "python": "3.11",
        "versions": {"numpy": "2"},
    }


@pytest.mark.parametrize(("ours", "says"), [(4.0, "holds"), (5.0, "does not hold")])
def test_report_compares_medians_and_never_is_late(ours, says):
    runs = [run("ours", seed, ours + seed - 1) for seed in range(3)]
    runs += [
        run("SBX", seed, seconds) for seed, seconds in enumerate([10.0, None, 8.0])
    ]
    runs += [run("SB3", seed, None) for seed in range(3)]
    text = report(runs)
    assert "10.0, never, 8.0 | **10.0**" in text
    assert "never, never, never | **never**" in text
    assert says in text.splitlines()[-1]
    assert f"SBX's: {ours / 10:.2f}" in text
    assert "Not measured yet: CleanRL" in text
