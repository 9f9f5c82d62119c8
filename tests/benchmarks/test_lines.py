"""What was measured is not measured again; what was measured otherwise is."""

import pytest

from benchmarks.lines import Lines


@pytest.fixture
def path(tmp_path):
    return tmp_path / "results" / "lines.jsonl"


def test_a_file_that_is_not_there_holds_nothing(path):
    lines = Lines(path)
    lines.forget()
    assert lines.read() == []
    assert not lines.has(seed=0)
    assert not path.exists()


def test_a_measurement_is_there_for_the_next_process(path):
    Lines(path).append({"who": "ours", "seed": 3})
    assert Lines(path).has(who="ours", seed=3)
    assert not Lines(path).has(who="ours", seed=4)


def test_only_what_was_asked_for_counts(path):
    for clock in ("CPU", "wall"):
        Lines(path).append({"clock": clock, "seed": 0})
    wall = Lines(path, {"clock": "wall"})
    assert wall.read() == [{"clock": "wall", "seed": 0}]
    assert not Lines(path, {"clock": "CPU", "package": "new"}).has(seed=0)


def test_forgetting_leaves_what_was_not_asked_for(path):
    for clock, seed in (("CPU", 0), ("wall", 0), ("wall", 1)):
        Lines(path).append({"clock": clock, "seed": seed})
    Lines(path, {"clock": "wall"}).forget(lambda line: line["seed"] == 0)
    assert Lines(path).read() == [
        {"clock": "CPU", "seed": 0},
        {"clock": "wall", "seed": 1},
    ]


def test_lines_measured_side_by_side_are_put_in_order(path):
    for seed in (2, 0, 1):
        Lines(path).append({"seed": seed})
    Lines(path).sort(lambda line: line["seed"])
    assert [line["seed"] for line in Lines(path).read()] == [0, 1, 2]
