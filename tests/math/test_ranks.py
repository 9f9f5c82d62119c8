"""The rank of a percentile against exact fractions."""

from fractions import Fraction

import keras
import numpy as np
import pytest
from helpers.stepping import BACKEND, PROPERTY, array
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_gradclip._math import ranks

LARGEST = 2**31 - 2
# TensorFlow, with float64 everywhere, needs no integers and has no operators.
METHODS = [ranks.split_rank, *[ranks._in_integers] * (BACKEND != "tensorflow")]
percentiles = st.one_of(
    st.integers(0, 1000).map(lambda n: n / 10),
    st.floats(0.0, 100.0),
    st.floats(0.0, 1e-6),
)
lasts = st.one_of(st.integers(0, 300), st.integers(0, LARGEST))


def exact(percentile, last):
    return Fraction(float(percentile)) * last / 100


def assert_equals(method, percentile, last, expected):
    """Asserts that the whole part and the fraction add up to what is expected."""
    dtype = ranks.backend.POSITION_DTYPE
    given_last = keras.ops.convert_to_tensor(np.array([last]), dtype)
    low, fraction = (array(v)[0] for v in method(percentile, given_last))
    assert 0 <= low <= last
    # A float64 has 22 bits left for the fraction of the largest ranks.
    assert abs(int(low) + Fraction(float(fraction)) - expected) < 5e-7
    assert 0.0 <= fraction <= 1.0


@pytest.mark.parametrize("method", METHODS)
@settings(PROPERTY, max_examples=60)
@given(percentiles, lasts)
def test_rank_of_a_number_is_exact(method, percentile, last):
    assert_equals(method, percentile, last, exact(percentile, last))


@pytest.mark.parametrize("method", METHODS)
@settings(PROPERTY, max_examples=40)
@given(percentiles, lasts)
def test_rank_of_a_scheduled_number_is_that_of_the_float32(method, percentile, last):
    narrow = np.float32(percentile)
    scheduled = keras.ops.convert_to_tensor(narrow, "float32")
    assert_equals(method, scheduled, last, exact(narrow, last))


@settings(PROPERTY, max_examples=40)
@given(percentiles, lasts)
def test_rank_of_three_parts_is_that_of_their_sum(percentile, last):
    parts, rest = [], percentile
    for _ in range(3):
        parts.append(float(np.float32(rest)))
        rest -= parts[-1]
    tensors = tuple(keras.ops.convert_to_tensor(part, "float32") for part in parts)
    for method in METHODS:
        assert_equals(method, tensors, last, exact(percentile, last))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("last", [0, 1, 4095, 4096, 2**24 - 1, 2**24, LARGEST])
def test_ends_and_carries(method, last):
    for percentile in (0.0, 50.0, 99.9, 100.0):
        assert_equals(method, percentile, last, exact(percentile, last))
