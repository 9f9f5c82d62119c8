"""The least that AGC by unit can cost on TensorFlow, written by hand.

The same reads and writes as ours, and nothing general. In a graph each operation
costs microseconds before it does anything: so weights of one shape are stacked and
measured in one, and all that follows is done on one flat row of all units.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.overhead import floors_tensorflow_global
from benchmarks.overhead.hook import Hook

LOG_LENGTH = 1024
TINY = 1e-30


class AGCFloor(Hook):
    clip_factor, epsilon = 0.01, 1e-3

    def prepare(self, variables: Sequence[Any]) -> None:
        self._alike: dict[tuple[int, ...], list[int]] = {}
        for i, variable in enumerate(variables):
            self._alike.setdefault(tuple(variable.shape), []).append(i)
        owners = [np.repeat(m, _units(shape)) for shape, m in self._alike.items()]
        self._owners = np.concatenate(owners)
        self._log = tf.Variable(tf.zeros((LOG_LENGTH, 3, len(variables))))

    def clip(self, gradients: Sequence[Any], variables: Sequence[Any]) -> Sequence[Any]:
        stacked = self._stack(gradients)
        sums = _unit_sums(stacked)
        weight_sums = _unit_sums(self._stack(variables))
        bounds = self.clip_factor * tf.maximum(tf.sqrt(weight_sums), self.epsilon)
        scales = tf.minimum(bounds / tf.sqrt(tf.maximum(sums, TINY)), 1.0)
        finite = tf.math.is_finite(tf.sqrt(tf.reduce_sum(sums)))
        scales = tf.where(finite, scales, 0.0)
        self._write_row(sums, scales, len(variables))
        clipped: list[Any] = list(gradients)
        sizes = [len(m) * _units(shape) for shape, m in self._alike.items()]
        for (shape, members), values, part in zip(
            self._alike.items(), stacked, tf.split(scales, sizes)
        ):
            part = tf.reshape(part, (len(members), 1, _units(shape)))
            product = tf.math.multiply_no_nan(values, part)
            product = tf.reshape(product, (len(members), *shape))
            for i, gradient in zip(members, tf.unstack(product)):
                clipped[i] = gradient
        return clipped

    def _stack(self, tensors: Sequence[Any]) -> list[Any]:
        """Returns those of each shape as (members, elements of a unit, units)."""
        stacks = []
        for shape, members in self._alike.items():
            units = _units(shape)
            size = (len(members), math.prod(shape) // units, units)
            stacks.append(tf.reshape(tf.stack([tensors[i] for i in members]), size))
        return stacks

    def _write_row(self, sums: Any, scales: Any, variables: int) -> None:
        squares = tf.stack([sums, sums * tf.square(scales)], axis=1)
        effect = tf.math.unsorted_segment_sum(squares, self._owners, variables)
        before, after = tf.unstack(tf.sqrt(effect), axis=1)
        kept = after / tf.maximum(before, TINY)
        # Not `self._log[row].assign`: XLA would compile it for each row again.
        row = tf.convert_to_tensor(self.iterations)[None] % LOG_LENGTH
        values = tf.stack([before, after, kept])[None]
        self._log.scatter_update(tf.IndexedSlices(values, row))


def _units(shape: tuple[int, ...]) -> int:
    return shape[-1] if len(shape) > 1 else 1


def _unit_sums(stacked: Sequence[Any]) -> Any:
    """Returns the sums of squares of all units, a flat row."""
    sums = [tf.reduce_sum(tf.square(values), axis=1) for values in stacked]
    return tf.concat([tf.reshape(each, (-1,)) for each in sums], axis=0)


FLOORS: dict[str, type[Hook]] = {
    "AGC unit": AGCFloor,
    **floors_tensorflow_global.FLOORS,
}
