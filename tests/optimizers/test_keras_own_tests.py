"""Keras's own tests of its optimizers hold for the twins as well."""

import fnmatch
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest
from helpers.training import BACKEND

RUNNER = Path(__file__).with_name("keras_own_tests.py")
FOLDER = Path(keras.__file__).parent / "src" / "optimizers"

# Tests that pass in Keras and fail for us, each with the reason.
EXPECTED = {
    "sgd_test.py::SGDTest::test_single_step": (
        "counts the optimizer's variables, and the clipper's log is one more"
    ),
}
if BACKEND == "jax":
    EXPECTED[
        "optimizer_sparse_test.py::OptimizerSparseTest::test_sparse_gradients_*"
    ] = (
        "forbids all writes but through `optimizer.assign`, to find dense "
        "writes of sparse updates; the clipper writes its own log directly"
    )

# Eleven optimizers compile 24 steps one by one there: ten are left out.
SLOW_ON_JAX = [
    f"optimizer_test.py::OptimizerTest::test_gradient_accumulation_with_weigth_decay{i}"
    for i in range(1, 11)
]


@pytest.fixture(scope="module")
def report(tmp_path_factory, pytestconfig):
    if not list(FOLDER.glob("*_test.py")):
        pytest.skip(f"Keras {keras.__version__} came without its tests")
    path = tmp_path_factory.mktemp("keras") / "report.json"
    left_out = SLOW_ON_JAX if BACKEND == "jax" else []
    if pytestconfig.getoption("--runslow"):
        left_out = []
    command = [sys.executable, str(RUNNER), str(path), *left_out]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return json.loads(path.read_text())


def test_what_passes_in_keras_passes_for_us(report):
    broken = {name for name, outcome in report["plain"].items() if outcome == "passed"}
    explained = {
        name: [n for n in broken if fnmatch.fnmatchcase(n, name)] for name in EXPECTED
    }
    assert not broken - set().union(*explained.values())
    assert all(explained.values()), "an exception is no longer needed"


def test_the_twins_were_tested_in_every_file(report):
    passed = [name for name, end in report["ours"].items() if end == "passed"]
    assert len(passed) > 150
    for file in report["files"]:
        ends = {end for name, end in report["ours"].items() if name.startswith(file)}
        assert ends == {"skipped"} or report["clips"].get(file, 0) > 0, file
