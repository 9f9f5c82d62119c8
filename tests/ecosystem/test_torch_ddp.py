"""torch's DistributedDataParallel over two processes on the loopback interface."""

import numpy as np
import pytest
from helpers.training import BACKEND, fit, mlp
from processes import cluster
from processes.work import OPTIMIZERS, load, outcome

pytestmark = [
    pytest.mark.ecosystem,
    pytest.mark.skipif(BACKEND != "torch", reason="torch's"),
]


@pytest.fixture(scope="module")
def trained_by_two(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ddp")
    results = [folder / f"result-{i}.npz" for i in range(2)]
    commands = [
        ["torch_ddp.py", result, folder / "store", i]
        for i, result in enumerate(results)
    ]
    ended = cluster.run(commands, [{"GLOO_SOCKET_IFNAME": "lo"}] * 2, folder, 240)
    for each in ended:
        assert each.code == 0, each.output
    return results


@pytest.mark.parametrize("rule", OPTIMIZERS)
def test_two_processes_equal_one_on_the_whole_batch(trained_by_two, rule):
    first, second = (load(result, rule) for result in trained_by_two)
    model, optimizer = mlp(), OPTIMIZERS[rule]()
    fit(model, optimizer)
    expected = outcome(model, optimizer)
    assert (expected["log scale"] < 1).any()
    assert first.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(first[name], values, 1e-5, 1e-5, err_msg=name)
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)
