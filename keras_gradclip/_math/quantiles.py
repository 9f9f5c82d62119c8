"""Running percentiles of positive numbers, many groups side by side.

Two histories with the same three methods, in both of which a state of zeros
is an empty one. `WindowHistory` keeps the last N
values of each group in time order and in sorted order: exact, and one pass
over N numbers per step instead of a sort. `WholeHistory` counts all values
in buckets whose edges are 1 % apart: constant memory and time however long
training runs. Both are pure functions of their state, a dict of arrays,
and of static shape, so they run under XLA.
"""

from functools import cache
from typing import Any, Protocol

import numpy as np

from keras_gradclip._backend import backend, ops
from keras_gradclip._math.ranks import split_rank

Tensor = Any
State = dict[str, Any]

COUNT_DTYPE, POSITION_DTYPE = backend.COUNT_DTYPE, backend.POSITION_DTYPE

# What stands for "none", here and as the bound that an empty history gives:
# no norm is as large, since its square would not be finite.
_LARGEST = float(np.finfo("float32").max)


class History(Protocol):
    """What `AutoClip` needs of a history."""

    def initial_state(self, groups: int) -> State:
        """Returns the empty history of `groups` groups, as NumPy arrays."""

    def add(self, state: State, values: Tensor, observed: Tensor) -> State:
        """Adds one value to each group where `observed`, shape `(groups,)`."""

    def percentile(self, state: State, percentile: Any) -> Tensor:
        """Returns each group's percentile; float32's largest number if empty.

        Args:
            state: The state.
            percentile: In [0, 100]; see `split_rank`.
        """


# Made once, however many histories there are: a backend may keep a copy of
# each array on its device for as long as the process lives.


@cache
def _slots_of(window: int) -> np.ndarray:
    """Returns the positions in a ring."""
    return np.arange(window, dtype=POSITION_DTYPE)


@cache
def _buckets(
    smallest: float, largest: float, relative_error: float
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the upper edges of a sketch's buckets, and the value of each."""
    decades = np.log(largest / smallest)
    buckets = int(np.ceil(decades / np.log1p(relative_error)))
    edges = np.geomspace(smallest, largest, buckets + 1)
    # Whatever is a norm is at most the last edge, so that every value is
    # counted, and an unobserved one is not.
    edges = np.append(edges, _LARGEST / 2).astype("float32")
    # One entry more: a rank past the last value, as that of an empty history,
    # finds no bucket.
    return edges, np.append(edges, edges[-1])


class WindowHistory:
    """The exact quantile of each group's last `window` values.

    The sorted array is kept sorted: taking out the oldest value moves what
    is above it down by one, putting in the newest moves what is above that
    up by one. Both moves are one elementwise pass. While there are fewer
    values than places, zeros fill the first of them, as the oldest values. With
    `s` sorted,

        without[k] = s[k] if s[k] < oldest else s[k + 1]
        sorted[k]  = min(max(without[k - 1], newest), without[k])
    """

    def __init__(self, window: int):
        self.window = window
        self._slots = _slots_of(window)

    def initial_state(self, groups: int) -> State:
        return {
            "ring": np.zeros((groups, self.window), "float32"),
            "sorted": np.zeros((groups, self.window), "float32"),
            "count": np.zeros((groups,), POSITION_DTYPE),
        }

    def add(self, state: State, values: Tensor, observed: Tensor) -> State:
        count = state["count"]
        slot = ops.expand_dims(count % self.window, 1)
        oldest = ops.take_along_axis(state["ring"], slot, axis=1)
        # Replacing the oldest value by itself changes nothing.
        seen = ops.expand_dims(observed, 1)
        newest = ops.where(seen, ops.expand_dims(values, 1), oldest)
        slots = backend.constant(self._slots, values)
        return {
            "ring": ops.where(ops.equal(slots, slot), newest, state["ring"]),
            "sorted": self._replace(state["sorted"], oldest, newest),
            "count": self._without_overflow(count + ops.cast(observed, POSITION_DTYPE)),
        }

    def _without_overflow(self, count: Tensor) -> Tensor:
        if POSITION_DTYPE == "int64":
            return count
        # Back by full turns, which neither the slot nor fullness notices.
        turns = np.iinfo("int32").max // self.window * self.window
        return ops.where(count < turns, count, count - (turns - self.window))

    def _replace(self, ascending: Tensor, old: Tensor, new: Tensor) -> Tensor:
        below = backend.shift(ascending, 1, -1.0)
        above = backend.shift(ascending, -1, _LARGEST)
        without_below = ops.where(below < old, below, ascending)
        without = ops.where(ascending < old, ascending, above)
        return ops.minimum(ops.maximum(without_below, new), without)

    def percentile(self, state: State, percentile: Any) -> Tensor:
        # On torch `ops.minimum` would make it an int32.
        count = ops.clip(state["count"], 0, self.window)
        last = ops.maximum(count - 1, ops.zeros_like(count))
        low, high, fraction = _ranks(last, percentile)
        places = ops.stack([low, high], axis=1)
        both = places + ops.expand_dims(self.window - 1 - last, 1)
        values = ops.take_along_axis(state["sorted"], both, axis=1)
        return _interpolate(values, fraction, count)


class WholeHistory:
    """The quantile of all values so far, never low and at most 1 % high.

    A log-bucket sketch in the way of DDSketch (Masson, Rim and Lee 2019,
    arXiv 1908.10693): `counts[k]` says how many values were at most
    `edges[k]`, and the edges are a factor of 1.01 apart from 1e-10 to 1e10.
    The value of a given rank is read off as the edge of its bucket, or the
    largest value seen if that is smaller: hence exact for the first value
    and for `q = 1`. Values outside the range count as the range's end below
    and as the largest value above. On JAX and torch each count stops at
    2**31 - 1.
    """

    relative_error = 0.01
    smallest, largest = 1e-10, 1e10

    def __init__(self) -> None:
        self.edges, self._value_of_bucket = _buckets(
            self.smallest, self.largest, self.relative_error
        )

    def initial_state(self, groups: int) -> State:
        return {
            "counts": np.zeros((groups, len(self.edges)), COUNT_DTYPE),
            "largest": np.zeros((groups,), "float32"),
        }

    def add(self, state: State, values: Tensor, observed: Tensor) -> State:
        counts = state["counts"]
        values = ops.where(observed, values, _LARGEST)
        edges = backend.constant(self.edges, values)
        at_most = ops.less_equal(ops.expand_dims(values, 1), edges)
        added = counts + ops.cast(at_most, COUNT_DTYPE)
        if COUNT_DTYPE == "int32":
            # An overflow, to below 0, would turn clipping off. Keras's own int32
            # `iterations` overflows at the same step. Each count looks at itself
            # only: XLA then writes in place.
            added = ops.maximum(counts, added)
        larger = ops.where(observed, values, 0.0)
        return {
            "counts": added,
            "largest": ops.maximum(state["largest"], larger),
        }

    def percentile(self, state: State, percentile: Any) -> Tensor:
        counts = state["counts"]
        count = counts[:, -1]
        last = ops.maximum(count - 1, ops.zeros_like(count))
        low, high, fraction = _ranks(last, percentile)
        buckets = backend.count_at_most(counts, ops.stack([low, high], axis=1))
        largest = ops.expand_dims(state["largest"], 1)
        value_of_bucket = backend.constant(self._value_of_bucket, largest)
        values = ops.minimum(ops.take(value_of_bucket, buckets), largest)
        return _interpolate(values, fraction, count)


def _ranks(last: Tensor, percentile: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Splits the rank of a percentile as `numpy.percentile` does.

    Returns the ranks below and above it, and its fractional part.
    """
    low, fraction = split_rank(percentile, last)
    return low, ops.minimum(low + 1, last), fraction


def _interpolate(values: Tensor, fraction: Tensor, count: Tensor) -> Tensor:
    low, high = values[:, 0], values[:, 1]
    return ops.where(count > 0, low + fraction * (high - low), _LARGEST)
