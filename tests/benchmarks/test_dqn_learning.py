"""What scores are held to, and which runs count."""

import pytest

pytest.importorskip("gymnasium")

from benchmarks.dqn_learning.table import reported
from benchmarks.dqn_learning.tasks import SEEDS, TASKS, Task


@pytest.mark.parametrize(
    ("scores", "kept"),
    [
        ([500.0] * 19 + [400.0], True),
        ([500.0] * 18 + [474.0] * 2, False),
        ([500.0] * 19 + [300.0], False),
    ],
)
def test_bars_are_of_the_mean_and_of_each_seed(scores, kept):
    assert Task("X-v0", 495, "", each=475, exceptions=1).holds(scores) is kept


def test_a_bar_of_the_mean_alone():
    task = Task("X-v0", 200, "")
    assert task.holds([100.0, 300.0])
    assert not task.holds([100.0, 299.0])


def test_reported_seeds_come_first_and_others_only_without_them():
    old, new = ({"seed": seed} for seed in (3, SEEDS[0]))
    assert reported([old, new]) == [new]
    assert reported([old]) == [old]


def test_each_task_has_a_name_of_its_own_and_a_whole_command():
    names = [task.name for task in TASKS]
    assert len({*names}) == len(names)
    *_, longer = TASKS
    assert longer.command == (
        "python -m examples.dqn.train --env-id LunarLander-v3 "
        "--total-steps 300000 --seed SEED"
    )
