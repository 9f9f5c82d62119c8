"""The least that AutoClip and ClipByValue can cost on TensorFlow, written by hand.

As in `floors_tensorflow.py`: the same reads and writes as ours, and nothing general.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.overhead.hook import Hook

LOG_LENGTH = 1024


class LoggedFloor(Hook):
    """A clip that writes a row of the log."""

    def prepare(self, variables: Sequence[Any]) -> None:
        self._log = tf.Variable(tf.zeros((LOG_LENGTH, 5)))

    def write_row(self, *numbers: Any) -> None:
        row = tf.convert_to_tensor(self.iterations)[None] % LOG_LENGTH
        self._log.scatter_update(tf.IndexedSlices(tf.stack([numbers]), row))


class GlobalFloor(LoggedFloor):
    """One norm for all gradients, and a threshold that a history decides."""

    percentile = 0.1

    def threshold(self, norm: Any, observed: Any) -> Any:
        """Returns the threshold after the history has taken in the norm."""
        raise NotImplementedError

    def clip(self, gradients: Sequence[Any], variables: Sequence[Any]) -> Sequence[Any]:
        norm = tf.linalg.global_norm(gradients)
        finite = tf.math.is_finite(norm)
        threshold = self.threshold(norm, finite & (norm > 0))
        scale = tf.where(norm > threshold, threshold / norm, 1.0)
        scale = tf.where(finite, scale, 0.0)
        self.write_row(norm, threshold, scale, norm, norm * scale)
        return [tf.math.multiply_no_nan(g, scale) for g in gradients]

    def interpolated(self, count: Any, at: Any) -> Any:
        """Returns the percentile of so many numbers, of which `at` gives two."""
        last = tf.maximum(count - 1, 0)
        rank = self.percentile * tf.cast(last, "float64")
        low = tf.floor(rank)
        index = tf.cast(low, last.dtype)
        first, second = tf.unstack(at(tf.stack([index, tf.minimum(index + 1, last)])))
        value = first + tf.cast(rank - low, "float32") * (second - first)
        return tf.where(count > 0, value, math.inf)


class WholeHistoryFloor(GlobalFloor):
    """AutoClip's percentile of all norms so far, from counts in buckets."""

    def prepare(self, variables: Sequence[Any]) -> None:
        super().prepare(variables)
        buckets = math.ceil(math.log(1e20) / math.log1p(0.01))
        edges = np.geomspace(1e-10, 1e10, buckets + 1)
        edges = np.append(edges, [np.finfo("float32").max] * 2)
        self._edges = edges.astype("float32")
        self._counts = tf.Variable(np.zeros(len(edges) - 1, "int64"))
        self._largest = tf.Variable(0.0)

    def threshold(self, norm: Any, observed: Any) -> Any:
        value = tf.where(observed, norm, math.inf)
        counts = self._counts.assign_add(tf.cast(value <= self._edges[:-1], "int64"))
        largest = tf.maximum(self._largest, tf.where(observed, norm, 0.0))
        self._largest.assign(largest)

        def at(ranks: Any) -> Any:
            buckets = tf.searchsorted(counts, ranks, side="right")
            return tf.minimum(tf.gather(self._edges, buckets), largest)

        return self.interpolated(counts[-1], at)


class WindowFloor(GlobalFloor):
    """AutoClip's percentile of the last norms, from a sorted copy of them."""

    window = 1024

    def prepare(self, variables: Sequence[Any]) -> None:
        super().prepare(variables)
        empty = np.full(self.window, np.inf, "float32")
        self._ring, self._sorted = tf.Variable(empty), tf.Variable(empty)
        self._count = tf.Variable(np.int64(0))

    def threshold(self, norm: Any, observed: Any) -> Any:
        slot, ordered = self._count % self.window, self._sorted.read_value()
        oldest = tf.gather(self._ring, slot)
        newest = tf.where(observed, norm, oldest)
        below = tf.pad(ordered, [[1, 0]], constant_values=-math.inf)[:-1]
        above = tf.pad(ordered, [[0, 1]], constant_values=math.inf)[1:]
        below = tf.where(below < oldest, below, ordered)
        above = tf.where(ordered < oldest, ordered, above)
        ordered = tf.minimum(tf.maximum(below, newest), above)
        self._ring.scatter_update(tf.IndexedSlices(newest[None], slot[None]))
        self._sorted.assign(ordered)
        count = self._count.assign_add(tf.cast(observed, "int64"))
        return self.interpolated(
            tf.minimum(count, self.window), lambda ranks: tf.gather(ordered, ranks)
        )


class ClipByValueFloor(LoggedFloor):
    """Each element's bound; of the norms before and after the log has a row."""

    value = 0.1

    def clip(self, gradients: Sequence[Any], variables: Sequence[Any]) -> Sequence[Any]:
        row = tf.concat([tf.reshape(g, (-1,)) for g in gradients], axis=0)
        within = tf.clip_by_value(row, -self.value, self.value)
        before, after = tf.norm(row), tf.norm(within)
        scale = tf.math.divide_no_nan(after, before)
        self.write_row(before, after, scale, before, after)
        kept = tf.where(tf.math.is_finite(before), within, 0.0)
        pieces = tf.split(kept, [math.prod(g.shape) for g in gradients])
        return [tf.reshape(p, g.shape) for p, g in zip(pieces, gradients)]


FLOORS: dict[str, type[Hook]] = {
    "AutoClip global, whole history": WholeHistoryFloor,
    "ClipByValue": ClipByValueFloor,
}
for _window in (128, 1024, 8192):
    _floor = type("WindowFloor", (WindowFloor,), {"window": _window})
    FLOORS[f"AutoClip global, window {_window}"] = _floor
