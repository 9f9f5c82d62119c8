"""Several processes on one machine train as one does on the whole batch."""

import json
import re
import signal

import numpy as np
import pytest
from helpers.training import BACKEND, fit, mlp
from processes import cluster
from processes.work import OPTIMIZERS, load, outcome

from keras_gradclip import ClippedModel

pytestmark = pytest.mark.skipif(
    BACKEND not in ("tensorflow", "jax"), reason="Keras has no cluster on torch"
)

tensorflow_only = pytest.mark.skipif(
    BACKEND != "tensorflow", reason="tf.distribute is TensorFlow's"
)


def environments():
    """Returns the variables that make each of two processes part of a cluster."""
    addresses = [f"127.0.0.1:{port}" for port in cluster.free_ports(2)]
    if BACKEND == "jax":
        common = {
            "KERAS_DISTRIBUTION_JOB_ADDRESSES": addresses[0],
            "KERAS_DISTRIBUTION_NUM_PROCESSES": "2",
        }
        return [{**common, "KERAS_DISTRIBUTION_PROCESS_ID": str(i)} for i in range(2)]
    workers = {"worker": addresses}
    tasks = [{"type": "worker", "index": i} for i in range(2)]
    return [{"TF_CONFIG": json.dumps({"cluster": workers, "task": t})} for t in tasks]


def run(folder, *arguments, timeout=240, victim=None, dies_at=None):
    """Runs two processes; returns how they ended and where they wrote."""
    script = "jax_process.py" if BACKEND == "jax" else "multi_worker.py"
    results = [folder / f"result-{index}.npz" for index in range(2)]
    commands = [[script, result, *arguments] for result in results]
    if victim is not None:
        commands[victim] += ["--dies-at", dies_at]
    return cluster.run(commands, environments(), folder, timeout), results


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
    options = ["--errors"] if BACKEND == "tensorflow" else []
    ended, results = run(folder, *OPTIMIZERS, *options)
    assert_all_finished(ended)
    return results


@pytest.mark.parametrize("rule", OPTIMIZERS)
def test_two_processes_equal_one_device(trained_by_two, rule):
    first, second = (load(result, rule) for result in trained_by_two)
    expected = on_one_device(rule)
    assert (expected["log scale"] < 1).any()
    assert_equal_outcomes(first, expected, 1e-5)
    assert_equal_outcomes(first, second, 0)


@tensorflow_only
@pytest.mark.parametrize("method", ["fit", "train_on_batch"])
def test_what_keras_cannot_do_names_the_way_out(trained_by_two, method):
    for result in trained_by_two:
        error = load(result, "error")[method].item()
        assert error.startswith(f"`{method}` must not be called under a MultiWorker")
        assert "`strategy.run`" in error
        assert "`keras.distribution`" in error
        assert "replicas=2, of which 1 on this worker" in error


@tensorflow_only
def test_keras_still_cannot_do_it(trained_by_two):
    # Red one day: then the refusal must go.
    errors = load(trained_by_two[0], "error")
    assert "PerReplica" in errors["keras fit"].item()
    assert "reduction dimension" in errors["keras train_on_batch"].item()


@tensorflow_only
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_of_one_may_fit():
    import tensorflow as tf

    with tf.distribute.MultiWorkerMirroredStrategy().scope():
        plain = mlp()
        model = ClippedModel(plain.inputs, plain.outputs)
        history = fit(model, "sgd", epochs=1, jit_compile=False)
    assert "clip_scale" in history.history


# How the survivor of a cluster says that the other is gone.
ERRORS = {
    "tensorflow": "UnavailableError",
    "jax": "JaxRuntimeError|JAX distributed service detected fatal errors",
}


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_training_resumes_after_a_death(trained_by_two, victim, tmp_path):
    arguments = ["window", "--checkpoints", tmp_path / "checkpoints"]
    ended, _ = run(tmp_path, *arguments, victim=victim, dies_at=11)
    survivor = ended[1 - victim]
    assert ended[victim].code == -signal.SIGKILL
    assert survivor.code != 0
    assert re.search(ERRORS[BACKEND], survivor.output)
    # JAX gives a process that is silent 100 s, Keras has no argument for it.
    assert survivor.seconds - ended[victim].seconds < 120
    ended, results = run(tmp_path, *arguments)
    assert_all_finished(ended)
    for each, result, undisturbed in zip(ended, results, trained_by_two):
        assert re.search("restored at (6|8)\n", each.output)
        assert_equal_outcomes(load(result, "window"), load(undisturbed, "window"), 0)
