"""Which process of a cluster this is, whatever TF_CONFIG holds."""

import json

import pytest

from examples.dqn.runs.cluster import is_chief, task

WORKERS = {"worker": ["localhost:1", "localhost:2"]}


def set_task(monkeypatch, **values):
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": WORKERS, "task": values}))


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "{}",
        "no JSON",
        '{"task"',
        "[]",
        "null",
        "7",
        '{"task": null}',
        '{"task": 7}',
        '{"task": [1]}',
        '{"task": "word"}',
    ],
)
def test_without_a_cluster_there_is_no_task_and_this_is_the_chief(text, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if text is not None:
        monkeypatch.setenv("TF_CONFIG", text)
    assert task() == {}
    assert is_chief()


@pytest.mark.parametrize("index", [0, 1, 7])
def test_the_first_worker_is_the_chief_and_no_other(index, monkeypatch):
    set_task(monkeypatch, type="worker", index=index)
    assert task() == {"type": "worker", "index": index}
    assert is_chief() == (index == 0)


def test_it_is_asked_anew_each_time(monkeypatch):
    for index in (1, 0):
        set_task(monkeypatch, type="worker", index=index)
        assert is_chief() == (index == 0)


def test_beside_a_chief_the_first_worker_is_none(monkeypatch):
    # As TensorFlow has it: worker 0 is the chief where no task is of that type.
    cluster = {"chief": ["localhost:0"], **WORKERS}
    config = {"cluster": cluster, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    assert not is_chief()


def test_an_index_in_quotes_is_one(monkeypatch):
    # TensorFlow makes a number of it.
    set_task(monkeypatch, type="worker", index="0")
    assert is_chief()
