"""Counters and percentiles of histories that are millions of steps long."""

import math

import keras
import numpy as np
import pytest
from helpers.stepping import array
from helpers.training import BACKEND
from keras import ops

from benchmarks.long_run.updates import RULES, measure
from keras_gradclip import ClipByNorm, optimizers
from keras_gradclip._math.quantiles import WholeHistory, WindowHistory

INT32_MAX = 2**31 - 1


def tensors(state):
    return {name: ops.convert_to_tensor(value) for name, value in state.items()}


def add(history, state, value):
    values = ops.convert_to_tensor(np.full((1,), value, "float32"))
    return history.add(state, values, ops.ones((1,), "bool"))


def two_values(history, low, count):
    """The history of `low` times the value 1 and, for the rest, 100."""
    state = history.initial_state(1)
    state["counts"][0, history.edges >= 1.0] = low
    state["counts"][0, history.edges >= 100.0] = count
    state["largest"][:] = 100.0
    return tensors(state)


@pytest.mark.parametrize("count", [2**24 + 7, 2**26 + 5, 2**30 + 12_346, INT32_MAX])
@pytest.mark.parametrize("q", [0.1, 0.375, 0.5001, 0.9])
def test_a_percentile_keeps_its_bound_at_any_length(count, q):
    # In float32 the rank would be wrong by up to a hundred.
    history = WholeHistory()
    rank = math.floor(q * (count - 1))
    assert 0.02 < q * (count - 1) - rank < 0.98
    for low, exact in ((rank + 2, 1.0), (rank, 100.0)):
        state = two_values(history, low, count)
        percentile = 100 * q
        found = [array(history.percentile(state, percentile))[0]]
        if float(np.float32(percentile)) == percentile:  # or else it is another one
            scheduled = ops.convert_to_tensor(percentile)
            found.append(array(history.percentile(state, scheduled))[0])
        assert min(found) >= exact * 0.99999
        assert max(found) <= exact * 1.01001


def test_a_full_history_stays_as_it_is():
    history = WholeHistory()
    state = two_values(history, 2**30, INT32_MAX - 2)
    for _ in range(5):
        state = add(history, state, 5.0)
    counts = array(state["counts"]).astype("int64")
    most = np.iinfo(array(state["counts"]).dtype).max
    assert counts[0, -1] == min(INT32_MAX + 3, most)
    assert (np.diff(counts[0]) >= 0).all()
    assert counts[0, 0] == 0
    for q, exact in ((0.1, 1.0), (0.9, 100.0), (1.0, 100.0)):
        found = array(history.percentile(state, 100 * q))[0]
        assert exact * 0.99999 <= found <= exact * 1.01001


@pytest.mark.parametrize("window", [1, 5, 8, 1000])
def test_a_window_goes_on_after_two_billion_steps(window):
    history = WindowHistory(window)
    norms = np.random.default_rng(0).lognormal(size=window + 20).astype("float32")
    state = tensors(history.initial_state(1))
    for norm in norms[:window]:
        state = add(history, state, norm)
    # The last count before the end that has the same slot.
    late = (INT32_MAX - 8) // window * window
    count = array(state["count"])
    state["count"] = ops.convert_to_tensor(np.full_like(count, late))
    for i, norm in enumerate(norms[window:], start=window + 1):
        state = add(history, state, norm)
        exact = np.percentile(norms[i - window : i].astype("float64"), 30)
        np.testing.assert_allclose(
            array(history.percentile(state, 30.0)), [exact], rtol=1e-5
        )
    assert array(state["count"])[0] >= window


@pytest.mark.parametrize(
    "start",
    [
        2**24 - 3,
        2**31 - 12,
        pytest.param(
            2**31 - 3,
            marks=pytest.mark.skipif(
                BACKEND != "tensorflow",
                reason="Keras's own `iterations` is an int32 there, and overflows",
            ),
        ),
    ],
)
def test_the_log_finds_its_rows_at_any_step(start):
    # So many groups that the log's length is no power of two.
    variables = [keras.Variable(np.ones((), "float32")) for _ in range(30)]
    clipper = ClipByNorm(1.0, scope="variable")
    optimizer = optimizers.SGD(0.0, clipper=clipper)
    optimizer.build(variables)
    assert 2**16 % optimizer.clip_state.log.length
    optimizer.iterations.assign(start)
    for step in range(6):
        optimizer.apply([ops.full((), step + 1.0)] * 30, variables)
    history = optimizer.clip_history(since=start)
    assert list(history["step"]) == list(range(start, start + 6))
    np.testing.assert_array_equal(history["norm"][:, 7], np.arange(1, 7))


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES)
def test_a_long_run_stays_flat_and_right(rule):
    steps = 50_000 if BACKEND == "torch" else 1_000_000
    found = measure(rule, steps, chunk=steps // 100)
    assert found["updates"] == steps
    assert found["megabytes"][-1] - found["megabytes"][1] < 5
    seconds = np.array(found["seconds"][1:])
    assert seconds[-10:].min() < 1.5 * seconds[:10].min()
    most = 1.01001 if RULES[rule] is None else 1.00001
    assert min(found["ratio"]) >= 0.99999
    assert max(found["ratio"]) <= most
