"""Several processes on one machine train as one does on the whole batch."""

import json
import signal

import numpy as np
import pytest
from processes import cluster
from processes.work import OPTIMIZERS, load, outcome
from training import BACKEND, fit, mlp

tensorflow_only = pytest.mark.skipif(
    BACKEND != "tensorflow", reason="tf.distribute is TensorFlow's"
)


def run_tensorflow(folder, *arguments, timeout=120, victim=None, dies_at=None):
    """Runs two workers; returns how they ended and where they wrote."""
    addresses = [f"127.0.0.1:{port}" for port in cluster.free_ports(2)]
    results = [folder / f"result-{index}.npz" for index in range(2)]
    commands, environments = [], []
    for index, result in enumerate(results):
        task = {"type": "worker", "index": index}
        config = {"cluster": {"worker": addresses}, "task": task}
        environments.append({"TF_CONFIG": json.dumps(config)})
        dying = ["--dies-at", dies_at] if index == victim else []
        commands.append(["multi_worker.py", result, *arguments, *dying])
    return cluster.run(commands, environments, folder, timeout), results


def assert_all_finished(ended):
    for each in ended:
        assert each.code == 0, each.output


def on_one_device(rule):
    model, optimizer = mlp(), OPTIMIZERS[rule]()
    fit(model, optimizer)
    return outcome(model, optimizer)


def assert_equal_outcomes(found, expected, tolerance):
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(
            found[name], values, rtol=tolerance, atol=tolerance, err_msg=name
        )


@pytest.fixture(scope="module")
def trained_by_two(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    ended, results = run_tensorflow(folder, *OPTIMIZERS)
    assert_all_finished(ended)
    return results


@tensorflow_only
@pytest.mark.parametrize("rule", OPTIMIZERS)
def test_two_workers_equal_one_device(trained_by_two, rule):
    first, second = (load(result, rule) for result in trained_by_two)
    expected = on_one_device(rule)
    assert (expected["log scale"] < 1).any()
    assert_equal_outcomes(first, expected, 1e-5)
    assert_equal_outcomes(first, second, 0)


@pytest.mark.slow
@tensorflow_only
@pytest.mark.parametrize("victim", [0, 1])
def test_a_worker_that_dies(trained_by_two, victim, tmp_path):
    arguments = ["window", "--checkpoints", tmp_path / "checkpoints"]
    ended, _ = run_tensorflow(tmp_path, *arguments, victim=victim, dies_at=9)
    survivor = ended[1 - victim]
    assert ended[victim].code == -signal.SIGKILL
    assert survivor.code == 1
    assert "UnavailableError" in survivor.output
    assert survivor.seconds - ended[victim].seconds < 60
    ended, results = run_tensorflow(tmp_path, *arguments)
    assert_all_finished(ended)
    assert "restored at 6" in ended[0].output
    assert "restored at 6" in ended[1].output
    for result, undisturbed in zip(results, trained_by_two):
        assert_equal_outcomes(load(result, "window"), load(undisturbed, "window"), 0)
