"""The least that a step of clipping can cost on JAX, written by hand.

The same reads and writes as ours, and nothing general: dense float32 gradients of
all variables. XLA makes one kernel of what it can fuse, and a kernel costs a
microsecond before it does anything: what counts is their number.
"""

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.overhead.hook import Hook

LOG_LENGTH = 1024


class JaxFloor(Hook):
    """One scale for all gradients, and a row of the log."""

    def prepare(self, variables: Sequence[Any]) -> None:
        self._log = self.keep("log", np.zeros((LOG_LENGTH, 5), "float32"))

    def keep(self, name: str, value: np.ndarray) -> Any:
        """Returns a variable of the optimizer with this value."""
        return self.add_variable(
            shape=value.shape,
            initializer=lambda shape, dtype: jnp.asarray(value),
            dtype=str(value.dtype),
            name=f"floor_{name}",
        )

    def write_row(self, *numbers: Any) -> None:
        row = jnp.stack(numbers)[None]
        position = (self.iterations.value % LOG_LENGTH, 0)
        self._log.assign(jax.lax.dynamic_update_slice(self._log.value, row, position))


class GlobalFloor(JaxFloor):
    """One norm for all gradients, and a threshold that a history decides."""

    percentile = 0.1

    def threshold(self, norm: Any, observed: Any) -> Any:
        """Returns the threshold after the history has taken in the norm."""
        raise NotImplementedError

    def clip(self, gradients: Sequence[Any], variables: Sequence[Any]) -> Sequence[Any]:
        norm = jnp.sqrt(jnp.sum(jnp.square(side_by_side(gradients))))
        finite = jnp.isfinite(norm)
        threshold = self.threshold(norm, finite & (norm > 0))
        clipped = finite & (norm > threshold)
        scale = jnp.where(clipped, threshold, finite) / jnp.where(clipped, norm, 1.0)
        self.write_row(norm, threshold, scale, norm, norm * scale)
        return [jnp.where(scale == 0, 0.0, g * scale) for g in gradients]

    def interpolated(self, count: Any, at: Any) -> Any:
        """Returns the percentile of so many numbers, of which `at` gives one."""
        last = jnp.maximum(count - 1, 0)
        rank = self.percentile * last.astype("float32")
        low = jnp.floor(rank)
        index = low.astype("int32")
        first, second = at(jnp.stack([index, jnp.minimum(index + 1, last)]))
        value = first + (rank - low) * (second - first)
        return jnp.where(count > 0, value, jnp.inf)


class WholeHistoryFloor(GlobalFloor):
    """AutoClip's percentile of all norms so far, from counts in buckets."""

    def prepare(self, variables: Sequence[Any]) -> None:
        super().prepare(variables)
        buckets = math.ceil(math.log(1e20) / math.log1p(0.01))
        edges = np.geomspace(1e-10, 1e10, buckets + 1)
        edges = np.append(edges, [np.finfo("float32").max] * 2)
        self._edges = edges.astype("float32")
        self._counts = self.keep("counts", np.zeros(len(edges) - 1, "int32"))
        self._largest = self.keep("largest", np.zeros((), "float32"))

    def threshold(self, norm: Any, observed: Any) -> Any:
        value = jnp.where(observed, norm, jnp.inf)
        counts = self._counts.value + (value <= self._edges[:-1])
        largest = jnp.maximum(self._largest.value, jnp.where(observed, norm, 0.0))
        self._counts.assign(counts)
        self._largest.assign(largest)

        def at(ranks: Any) -> Any:
            buckets = jnp.searchsorted(counts, ranks, side="right")
            return jnp.minimum(jnp.asarray(self._edges)[buckets], largest)

        return self.interpolated(counts[-1], at)


class WindowFloor(GlobalFloor):
    """AutoClip's percentile of the last norms, from a sorted copy of them."""

    window = 1024

    def prepare(self, variables: Sequence[Any]) -> None:
        super().prepare(variables)
        empty = np.full(self.window, np.inf, "float32")
        self._ring, self._sorted = self.keep("ring", empty), self.keep("sorted", empty)
        self._count = self.keep("count", np.zeros((), "int32"))

    def threshold(self, norm: Any, observed: Any) -> Any:
        ring, ordered = self._ring.value, self._sorted.value
        slot = self._count.value % self.window
        oldest = ring[slot]
        newest = jnp.where(observed, norm, oldest)
        below = jnp.pad(ordered, (1, 0), constant_values=-jnp.inf)[:-1]
        above = jnp.pad(ordered, (0, 1), constant_values=jnp.inf)[1:]
        below = jnp.where(below < oldest, below, ordered)
        above = jnp.where(ordered < oldest, ordered, above)
        ordered = jnp.minimum(jnp.maximum(below, newest), above)
        self._ring.assign(jax.lax.dynamic_update_slice(ring, newest[None], (slot,)))
        self._sorted.assign(ordered)
        count = self._count.value + observed
        self._count.assign(count)
        return self.interpolated(
            jnp.minimum(count, self.window), lambda ranks: ordered[ranks]
        )


class ClipByValueFloor(JaxFloor):
    """Each element's bound; of the norms before and after the log has a row."""

    value = 0.1

    def clip(self, gradients: Sequence[Any], variables: Sequence[Any]) -> Sequence[Any]:
        clipped = [jnp.clip(g, -self.value, self.value) for g in gradients]
        row = side_by_side(gradients)
        before = jnp.sqrt(jnp.sum(jnp.square(row)))
        row = jnp.clip(row, -self.value, self.value)
        after = jnp.sqrt(jnp.sum(jnp.square(row)))
        finite = jnp.isfinite(before)
        scale = jnp.where(before > 0, after / before, 1.0)
        self.write_row(before, after, scale, before, after)
        return [jnp.where(finite, g, 0.0) for g in clipped]


def side_by_side(tensors: Sequence[Any]) -> Any:
    return jnp.concatenate([t.reshape(-1) for t in tensors])


FLOORS: dict[str, type[Hook]] = {
    "AutoClip global, whole history": WholeHistoryFloor,
    "ClipByValue": ClipByValueFloor,
}
for _window in (128, 1024, 8192):
    _floor = type("WindowFloor", (WindowFloor,), {"window": _window})
    FLOORS[f"AutoClip global, window {_window}"] = _floor
