"""Running percentiles against `numpy.percentile`."""

from fractions import Fraction

import keras
import numpy as np
import pytest
from helpers.stepping import PROPERTY, array
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from keras_gradclip._math.quantiles import (
    COUNT_DTYPE,
    POSITION_DTYPE,
    WholeHistory,
    WindowHistory,
)

PERCENTILES = [0.0, 10.0, 100 / 3, 50.0, 90.0, 100.0]
NO_BOUND = np.finfo("float32").max


def fill(history, values, observed=None):
    """Adds the rows of `values`, shape `(steps, groups)`, one by one."""
    values = np.asarray(values, "float32")
    observed = np.ones(values.shape, bool) if observed is None else observed
    state = history.initial_state(values.shape[1])
    state = {name: ops.convert_to_tensor(v) for name, v in state.items()}
    for row, seen in zip(values, observed):
        state = history.add(
            state, ops.convert_to_tensor(row), ops.convert_to_tensor(seen)
        )
    return state


def percentile(history, state, q):
    return array(history.percentile(state, q))


@pytest.mark.parametrize("history", [WholeHistory(), WindowHistory(3)])
@pytest.mark.parametrize("q", PERCENTILES)
def test_empty_history_has_no_bound(history, q):
    state = fill(history, np.zeros((0, 2)))
    np.testing.assert_array_equal(percentile(history, state, q), [NO_BOUND, NO_BOUND])


@pytest.mark.parametrize("history", [WholeHistory(), WindowHistory(3)])
@pytest.mark.parametrize("q", PERCENTILES)
def test_first_value_is_exact(history, q):
    state = fill(history, [[3.7, 1e-9]])
    expected = np.array([3.7, 1e-9], "float32")
    np.testing.assert_array_equal(percentile(history, state, q), expected)


@pytest.mark.parametrize("steps", [2, 4, 5, 6, 11, 23])
@pytest.mark.parametrize("q", PERCENTILES)
def test_window_is_exact(steps, q):
    values = np.random.default_rng(0).lognormal(0, 3, (steps, 4)).astype("float32")
    history = WindowHistory(5)
    expected = np.percentile(values[-5:].astype("float64"), q, axis=0)
    np.testing.assert_allclose(
        percentile(history, fill(history, values), q), expected, rtol=1e-5
    )


@PROPERTY
@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=12), st.sampled_from(PERCENTILES)
)
def test_window_copes_with_ties(values, q):
    history = WindowHistory(4)
    state = fill(history, np.array(values)[:, None])
    expected = np.percentile(np.array(values[-4:], "float64"), q)
    np.testing.assert_allclose(percentile(history, state, q), [expected], rtol=1e-6)
    assert array(state["count"]) == [len(values)]
    np.testing.assert_array_equal(
        array(state["sorted"])[0], np.sort(array(state["ring"])[0])
    )


@pytest.mark.parametrize("history", [WholeHistory(), WindowHistory(3)])
def test_zeros_are_an_empty_history(history):
    state = history.initial_state(2)
    assert not any(value.any() for value in state.values())


@pytest.mark.parametrize("history", [WholeHistory(), WindowHistory(3)])
def test_unobserved_values_are_not_added(history):
    values = np.array(
        [[1.0, 1.0], [np.nan, 2.0], [3.0, np.inf], [0.0, 4.0], [5.0, 0.0]]
    )
    seen = np.array([[1, 1], [0, 1], [1, 0], [0, 1], [1, 0]], bool)
    state = fill(history, values, seen)
    expected = fill(history, [[1.0, 1.0], [3.0, 2.0], [5.0, 4.0]])
    for name in state:
        np.testing.assert_array_equal(array(state[name]), array(expected[name]))


@pytest.mark.parametrize("q", [*PERCENTILES, 99.0])
def test_whole_history_is_never_low_and_at_most_one_percent_high(q):
    # Each group has its own magnitude, and values of all of them in the end.
    generator = np.random.default_rng(1)
    values = 10 ** generator.uniform(-10, 10, (400, 1)) * np.ones((1, 400))
    values *= 10 ** generator.uniform(-0.5, 0.5, values.shape)
    values = np.clip(values, 1.001e-10, 0.999e10).astype("float32")[:12]
    values[6:] = 10 ** generator.uniform(-9.9, 9.9, (6, 400))
    history = WholeHistory()
    exact = np.percentile(values.astype("float64"), q, axis=0)
    ratio = percentile(history, fill(history, values), q) / exact
    assert ratio.min() >= 1 - 1e-5
    assert ratio.max() <= 1.01 + 1e-5


def test_error_bound_holds_at_the_edges_of_the_buckets():
    history = WholeHistory()
    edges = history.edges[:-1]
    assert edges[0] <= 1.0001e-10
    assert edges[-1] >= 0.9999e10
    assert (edges[1:].astype("float64") / edges[:-1]).max() <= 1.01 + 1e-6
    just_above = np.nextafter(edges[:-1], np.float32(np.inf))[None]
    largest = np.full_like(just_above, 1e10)
    found = percentile(
        history, fill(history, np.concatenate([just_above, largest])), 0.0
    )
    assert (found >= just_above).all()
    assert (found <= just_above * 1.010001).all()


def test_values_beyond_the_range_do_no_harm():
    history = WholeHistory()
    state = fill(history, [[1e-15, 1e15], [1e-14, 1e16]])
    tiny, huge = percentile(history, state, 100.0)
    np.testing.assert_allclose(huge, 1e16, rtol=1e-6)
    assert 1e-14 * 0.999 <= tiny <= 1e-10
    low = percentile(history, state, 0.0)
    assert np.isfinite(low).all()


def long_history(history, count):
    state = history.initial_state(1)
    state = {
        "counts": np.where(history.edges >= 2.0, count, 0)[None].astype(COUNT_DTYPE),
        "largest": np.full((1,), 2.0, "float32"),
    }
    return {name: ops.convert_to_tensor(value) for name, value in state.items()}


@pytest.mark.parametrize("count", [2**24 - 1, 2**24 + 4, 2**30 + 3, 2**31 - 300])
@pytest.mark.parametrize("q", [0.0, 50.0, 99.9, 100.0])
def test_history_may_be_longer_than_float32_can_count(count, q):
    # The rank is rounded, and must not be rounded past the last value.
    history = WholeHistory()
    found = percentile(history, long_history(history, count), q)
    np.testing.assert_allclose(found, [2.0], rtol=0.0101)


def test_window_of_one_is_the_last_value():
    history = WindowHistory(1)
    state = fill(history, [[4.0], [2.0], [3.0]])
    np.testing.assert_array_equal(percentile(history, state, 10.0), [3.0])


def test_percentile_may_be_a_tensor():
    values = [[1.0], [2.0], [4.0]]
    for history in (WholeHistory(), WindowHistory(3)):
        found = percentile(history, fill(history, values), ops.convert_to_tensor(50.0))
        np.testing.assert_allclose(found, [2.0], rtol=0.0101)


def test_histories_share_their_constants():
    # A backend may keep a copy of each for as long as the process lives.
    assert WholeHistory().edges is WholeHistory().edges
    assert WindowHistory(7)._slots is WindowHistory(7)._slots


SPIKE = 1000.0


@PROPERTY
@given(st.integers(100, 2**31 - 1000), st.integers(0, 1000).map(lambda n: n / 10))
def test_a_percentile_between_the_bulk_and_the_spikes_is_exact(count, percentile):
    # All norms but those above the rank are 1, so that its fraction decides.
    rank = Fraction(percentile) * (count - 1) / 100
    history, bulk = WholeHistory(), int(rank) + 1
    counts = np.where(history.edges >= SPIKE, count, 0)
    counts = np.where(
        history.edges < SPIKE, np.where(history.edges >= 1, bulk, 0), counts
    )
    state = {
        "counts": keras.ops.convert_to_tensor(counts[None], COUNT_DTYPE),
        "largest": keras.ops.convert_to_tensor([SPIKE], "float32"),
    }
    found = array(history.percentile(state, percentile))[0]
    low = history.edges[history.edges >= 1][0]
    expected = low if bulk == count else low + float(rank - int(rank)) * (SPIKE - low)
    np.testing.assert_allclose(found, expected, rtol=1e-3)


@PROPERTY
@given(st.integers(2, 400), st.integers(0, 1000).map(lambda n: n / 10), st.data())
def test_a_window_is_exact_where_spikes_begin_at_the_rank(count, percentile, draw):
    bulk = min(int(Fraction(percentile) * (count - 1) / 100) + 1, count)
    window = draw.draw(st.integers(count, 500))
    values = np.full(count, 1e6, "float32")
    values[:bulk] = 1.0
    ring = np.concatenate([values, np.zeros(window - count, "float32")])
    state = {
        "ring": keras.ops.convert_to_tensor(ring[None]),
        "sorted": keras.ops.convert_to_tensor(np.sort(ring)[None]),
        "count": keras.ops.convert_to_tensor(np.array([count]), POSITION_DTYPE),
    }
    found = array(WindowHistory(window).percentile(state, percentile))[0]
    expected = np.percentile(values.astype("float64"), percentile)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
