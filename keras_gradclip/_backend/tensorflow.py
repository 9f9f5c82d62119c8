"""The backend's functions for TensorFlow; what each does says `interface.py`."""

from collections.abc import Callable, Sequence
from math import gcd
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_gradclip._backend.interface import Clipped, SparseRows, Tensor
from keras_gradclip._keras import BeforeTraining

# TensorFlow keeps int32 variables in host memory even on a GPU.
COUNT_DTYPE = POSITION_DTYPE = "int64"
NUMBER_DTYPE = "float64"


ops = keras.ops


# Gradients.


def as_rows(gradient: Any) -> SparseRows | None:
    if not isinstance(gradient, tf.IndexedSlices):
        return None
    indices, shape = gradient.indices, gradient.dense_shape
    return SparseRows(
        gradient.values,
        indices,
        lambda values: tf.IndexedSlices(values, indices, shape),
    )


def to_dense(gradient: Any) -> Tensor:
    return tf.convert_to_tensor(gradient)


def sums_of_squares(tensors: Sequence[Any]) -> Tensor:
    zero = tf.constant(0.0)
    return tf.stack(
        [
            zero if tensor is None else _sum_of_squares(tf.cast(tensor, "float32"))
            for tensor in tensors
        ]
    )


def _sum_of_squares(tensor: Tensor) -> Tensor:
    size = tensor.shape.num_elements()
    columns = gcd(size or 1, 256)
    if columns < 16 or not in_xla():
        # l2_loss is half the sum of squares, in one op.
        return 2.0 * tf.nn.l2_loss(tensor)
    # On CPUs XLA adds the numbers of a sum one after the other, since their
    # order matters to rounding; the sums of many columns it adds side by side,
    # which is ten times as fast. It would make one sum of both again, were
    # there nothing in between.
    rows = tf.reshape(tensor, (-1, columns))
    return tf.reduce_sum(tf.abs(tf.reduce_sum(tf.square(rows), axis=0)))


def in_xla() -> bool:
    """Whether TensorFlow is tracing a function with `jit_compile=True`.

    Only speed hangs on the answer, so a TensorFlow without the function that
    knows it is told False.
    """
    try:
        from tensorflow.python.ops.control_flow_util import GraphOrParentsInXlaContext
    except ImportError:
        return False
    graph = tf.compat.v1.get_default_graph()
    return not tf.executing_eagerly() and GraphOrParentsInXlaContext(graph)


def were_bounded(
    tensors: Sequence[Any], bound: Any, before: Tensor, after: Tensor
) -> Tensor:
    del before, after
    nothing = tf.constant(False)
    return tf.stack(
        [
            nothing if t is None else tf.reduce_max(tf.abs(t)) > tf.cast(bound, t.dtype)
            for t in tensors
        ]
    )


def norm_together(tensors: Sequence[Tensor]) -> Tensor:
    if not tensors:
        return tf.constant(0.0)
    return tf.sqrt(tf.reduce_sum(sums_of_squares(tensors)))


def unit_norms(tensors: Sequence[Any], axes: Sequence[Any]) -> Tensor:
    sums = [
        tf.reshape(tf.reduce_sum(tf.square(tf.cast(t, "float32")), axis=a), (-1,))
        for t, a in zip(tensors, axes)
    ]
    return tf.sqrt(tf.concat(sums, axis=0))


def scale_by_group(
    tensors: Sequence[Tensor], scales: Tensor, groups: Sequence[int]
) -> list[Tensor]:
    entries = tf.unstack(scales, num=scales.shape[0])
    return [_multiply(t, entries[g]) for t, g in zip(tensors, groups)]


def scale_each(
    tensors: Sequence[Tensor], scales: Sequence[Tensor], finite: Tensor
) -> list[Tensor]:
    del finite
    return [_multiply(t, s) for t, s in zip(tensors, scales)]


def _multiply(tensor: Tensor, scale: Tensor) -> Tensor:
    # In half precision the scale would lose its digits.
    wide = tf.float64 if tensor.dtype == tf.float64 else tf.float32
    # The product is 0 where the second factor is.
    product = tf.math.multiply_no_nan(tf.cast(tensor, wide), tf.cast(scale, wide))
    return tf.cast(product, tensor.dtype)


def clip_elements(tensors: Sequence[Tensor], bound: Any) -> list[Tensor]:
    return [
        tf.clip_by_value(t, -b, b) for t in tensors for b in [tf.cast(bound, t.dtype)]
    ]


# A copy of larger tensors costs more than what it saves.
_SMALL = 2**16


def clip_together(tensors: Sequence[Tensor], bound: Any) -> Clipped:
    small = [t for t in tensors if 0 < (t.shape.num_elements() or 0) <= _SMALL]
    others = [t for t in tensors if not any(t is s for s in small)]
    together = [tf.cast(t, "float32") for t in others]
    if small:
        rows = [tf.reshape(tf.cast(t, "float32"), (-1,)) for t in small]
        # Zeros at the end: XLA's sums want columns.
        size = sum(t.shape.num_elements() for t in small)
        rows += [tf.zeros((-size % 256,))] if in_xla() else []
        together.append(tf.concat(rows, axis=0))
    within = clip_elements(together, bound)
    before, after = (
        tf.add_n([_sum_of_squares(t) for t in several])
        for several in (together, within)
    )
    largest = tf.reduce_max([tf.reduce_max(tf.abs(t)) for t in together])
    exceeds = largest > tf.cast(bound, "float32")
    is_one_row = small and not others and all(t.dtype == tf.float32 for t in small)
    if is_one_row and not in_xla():
        # In a graph each operation costs more than what it does: the clipped row
        # is cut up again. XLA would rather clip where it updates.
        pieces = tf.split(within[0], [t.shape.num_elements() for t in small])
        values = [tf.reshape(p, t.shape) for p, t in zip(pieces, small)]
        return Clipped(values, before, after, exceeds)
    return Clipped(clip_elements(tensors, bound), before, after, exceeds)


# Histories.


def split(values: Tensor, sizes: Sequence[Any]) -> Sequence[Tensor]:
    return tf.split(values, sizes)


def keep(observed: Tensor, new: Tensor, old: Tensor) -> Tensor:
    return tf.where(tf.reshape(observed, (-1,) + (1,) * (len(old.shape) - 1)), new, old)


def shift(values: Tensor, by: int, fill: float) -> Tensor:
    # A pad and a slice: XLA fuses and vectorizes these, a concatenation not.
    before, after = (1, 0) if by == 1 else (0, 1)
    padded = tf.pad(values, ((0, 0), (before, after)), constant_values=fill)
    return padded[:, :-1] if by == 1 else padded[:, 1:]


def count_at_most(ascending: Tensor, values: Tensor) -> Tensor:
    return tf.searchsorted(ascending, values, side="right")


def has_float64(tensor: Tensor) -> bool:
    return True


def constant(array: np.ndarray, like: Tensor) -> Tensor:
    return array


# Numbers of rules.


def numbers(row: Any, made: np.ndarray, exact: Sequence[int]) -> Sequence[Any]:
    chosen = tf.where(tf.equal(row, 0.0), tf.constant(made), row)
    narrow = tf.unstack(tf.cast(chosen, "float32"))
    for i in exact:
        narrow[i] = chosen[i]
    return narrow


# Variables.


def read(variable: Any) -> Tensor:
    value = variable.value if isinstance(variable, keras.Variable) else variable
    # A tf.Variable would be read when it is used, after an assignment. In a
    # StatelessScope the value is a tensor.
    return value.read_value() if hasattr(value, "read_value") else value


copy = read


def assign(variable: Any, value: Tensor) -> None:
    variable.assign(value)


def write_row(variable: Any, row: Tensor, values: Tensor) -> None:
    slices = tf.IndexedSlices(values[None], tf.reshape(row, (1,)))
    variable.value.scatter_update(slices)


def restore_unless(
    kept: Tensor, variables: Sequence[Any], before: Sequence[Tensor]
) -> None:
    """Assigns as Keras does on TensorFlow: to each replica's copy its own."""

    def choose(variable: Any, value: Any, kept: Any) -> Any:
        return variable.assign(tf.where(kept, variable, value))

    def update(strategy: Any, kept: Any, *values: Any) -> None:
        for variable, value in zip(variables, values):
            if isinstance(variable, keras.Variable):
                variable = variable.value
            strategy.extended.update(variable, choose, (value, kept), group=False)

    tf.__internal__.distribute.interim.maybe_merge_call(
        update, tf.distribute.get_strategy(), kept, *before
    )


# Many steps at once.


def run_through(
    function: Callable[..., Any], state: Any, rows: Sequence[Any]
) -> tuple[Tensor, ...]:
    # As `keras.ops.scan`, which has room only for what is like the state.
    @tf.function(autograph=False)
    def run() -> Any:
        first = {name: tf.constant(value) for name, value in state.items()}
        given = tuple(tf.constant(row) for row in rows)
        like = function(first, *(row[0] for row in given))[1]
        lists = tuple(tf.TensorArray(v.dtype, len(rows[0])) for v in like)

        def body(i: Tensor, carry: Any, lists: Any) -> Any:
            carry, found = function(carry, *(row[i] for row in given))
            return i + 1, carry, tuple(a.write(i, v) for a, v in zip(lists, found))

        _, _, done = tf.while_loop(
            lambda i, *_: i < len(rows[0]), body, (0, first, lists)
        )
        return tuple(values.stack() for values in done)

    found: tuple[Tensor, ...] = run()
    return found


# Devices.


def replicas_to_sum() -> int:
    replicas: int = tf.distribute.get_strategy().num_replicas_in_sync
    return replicas


def is_first_process() -> bool:
    # A callback may run outside of the strategy's scope.
    from_environment = tf.distribute.cluster_resolver.TFConfigClusterResolver
    resolver = tf.distribute.get_strategy().cluster_resolver or from_environment()
    if not resolver.task_type:
        return True
    jobs = resolver.cluster_spec().jobs
    first = "chief" if "chief" in jobs else "worker"
    return bool(resolver.task_type == first and not resolver.task_id)


class TrainStepWithLogs(BeforeTraining):
    """Adds `self.step_logs()` to what `train_step` logs."""

    def train_step(self, data: Any) -> Any:
        logs = super().train_step(data)  # type: ignore[misc]
        return {**logs, **self.step_logs()}  # type: ignore[attr-defined]

    def before_training(self, method: str) -> None:
        """Raises where Keras fails with an error that names no way out."""
        strategy = self.distribute_strategy  # type: ignore[attr-defined]
        if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
            return
        replicas, here = strategy.num_replicas_in_sync, strategy.extended.worker_devices
        if replicas > len(here):
            raise ValueError(
                f"`{method}` must not be called under a MultiWorkerMirroredStrategy "
                "with several workers: Keras cannot average its logs over them "
                "(keras-team/keras issue 20585). Train in a loop of your own, with "
                "`strategy.run` and `optimizer.apply`, or on the JAX backend with "
                f"`keras.distribution`. Received: replicas={replicas}, of which "
                f"{len(here)} on this worker"
            )
