"""Where the entries go: prefixes, groups, functions, TensorBoard."""

import json

import numpy as np
import pytest
from helpers.training import BACKEND, fit, mlp

from keras_gradclip import AutoClip, ClipMonitor, optimizers
from keras_gradclip._backend import backend


def monitored(epochs=2, scope="variable", **arguments):
    monitor = ClipMonitor(**arguments)
    optimizer = optimizers.SGD(0.01, clipper=AutoClip(30, scope=scope))
    history = fit(mlp(), optimizer, epochs=epochs, callbacks=[monitor])
    return monitor, history.history


def test_percentiles_of_the_whole_norm():
    monitor, logs = monitored()
    for epoch in (0, 1):
        norms = monitor.trace["grad_norm"][8 * epoch : 8 * epoch + 8]
        for p in (50, 90, 99):
            expected = np.percentile(norms, p)
            assert logs[f"grad_norm_p{p}"][epoch] == pytest.approx(expected, rel=1e-5)


def test_a_prefix_goes_before_every_entry():
    _, logs = monitored(prefix="train/", log_groups=1)
    ours = set(logs) - {"loss"}
    assert "train/grad_norm" in ours
    assert all(name.startswith("train/") for name in ours)


def test_the_groups_clipped_most_are_logged_on_request():
    monitor, logs = monitored(log_groups=2)
    named = [n.removeprefix("clip_fraction/") for n in logs if "fraction/" in n]
    assert len(named) == 2
    trace = monitor.trace
    shares = (trace["scale"][:8] < 1).mean(axis=0)
    assert sorted(shares)[-2:] == sorted(logs[f"clip_fraction/{n}"][0] for n in named)
    for name in named:
        group = trace.groups.index(name)
        for epoch in (0, 1):
            norms = trace["norm"][8 * epoch : 8 * epoch + 8, group]
            assert logs[f"grad_norm/{name}"][epoch] == pytest.approx(norms.mean(), 1e-5)


def test_no_group_is_logged_by_default():
    _, logs = monitored()
    assert not [name for name in logs if "/" in name]


def test_a_function_gets_each_epochs_entries():
    got = []
    _, logs = monitored(on_log=got.append, prefix="train/")
    assert len(got) == 2
    for epoch, entries in enumerate(got):
        assert type(entries) is dict
        assert set(entries) == set(logs) - {"loss"}
        assert all(logs[name][epoch] == value for name, value in entries.items())


def test_of_several_processes_the_first_tells(monkeypatch, tmp_path):
    monkeypatch.setattr(
        "keras_gradclip._backend.backend.is_first_process", lambda: False
    )
    got = []
    monitor, logs = monitored(on_log=got.append, log_dir=tmp_path / "logs")
    assert got == []
    assert not (tmp_path / "logs").exists()
    assert "grad_norm" in logs
    assert monitor.trace.steps == 16


def test_this_process_is_the_first():
    assert backend.is_first_process() is True


def test_tensorboard_has_scalars_and_a_histogram_of_each_group(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monitor, logs = monitored(log_dir=tmp_path, log_groups=1)
    events = EventAccumulator(str(tmp_path), {"tensors": 0}).Reload()
    tags = set(events.Tags()["tensors"])
    assert tags == {*logs} - {"loss"} | {f"norm/{g}" for g in monitor.groups}
    found = events.Tensors("grad_norm")
    assert [event.step for event in found] == [0, 1]
    values = [float(event.tensor_proto.float_val[0]) for event in found]
    assert values == pytest.approx(logs["grad_norm"], rel=1e-5)


@pytest.mark.parametrize("value", [-1, 1.5, True])
def test_how_many_groups_is_checked(value):
    with pytest.raises(ValueError, match="`log_groups` must be an integer"):
        ClipMonitor(log_groups=value)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="TF_CONFIG is TensorFlow's")
@pytest.mark.parametrize(
    ("jobs", "kind", "number", "is_first"),
    [
        (["worker"], "worker", 0, True),
        (["worker"], "worker", 1, False),
        (["chief", "worker"], "worker", 0, False),
        (["chief", "worker"], "chief", 0, True),
    ],
)
def test_a_worker_is_known_by_its_environment(
    jobs, kind, number, is_first, monkeypatch
):
    cluster = {job: ["localhost:1", "localhost:2"] for job in jobs}
    task = {"type": kind, "index": number}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))
    assert backend.is_first_process() is is_first
