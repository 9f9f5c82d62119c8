"""The backend's functions for JAX; what each does says `interface.py`."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
from jax.experimental import sparse

from keras_gradclip._backend.interface import Clipped, SparseRows, Tensor

# JAX has no int64 by default.
COUNT_DTYPE = POSITION_DTYPE = "int32"
NUMBER_DTYPE = "float32"


ops = keras.ops


# Gradients.


def as_rows(gradient: Any) -> SparseRows | None:
    if not isinstance(gradient, sparse.BCOO):
        return None
    positions, shape = gradient.indices, gradient.shape
    return SparseRows(
        gradient.data,
        positions[:, 0],
        lambda values: sparse.BCOO((values, positions), shape=shape),
    )


def to_dense(gradient: Any) -> Tensor:
    return gradient.todense() if isinstance(gradient, sparse.BCOO) else gradient


def _wide(tensor: Any) -> Tensor:
    return jnp.asarray(tensor).astype("float32")


def sums_of_squares(tensors: Sequence[Any]) -> Tensor:
    zero = jnp.zeros((), "float32")
    return jnp.stack(
        [zero if t is None else jnp.sum(jnp.square(_wide(t))) for t in tensors]
    )


def were_bounded(
    tensors: Sequence[Any], bound: Any, before: Tensor, after: Tensor
) -> Tensor:
    del before, after
    nothing = jnp.zeros((), "bool")
    return jnp.stack(
        [nothing if t is None else jnp.max(jnp.abs(t)) > bound for t in tensors]
    )


def norm_together(tensors: Sequence[Tensor]) -> Tensor:
    # On the CPU one sum of all is quicker than a sum of sums.
    sums = [jnp.sum(jnp.square(t)) for t in _side_by_side(tensors)]
    return jnp.sqrt(sum(sums, start=jnp.zeros((), "float32")))


def unit_norms(tensors: Sequence[Any], axes: Sequence[Any]) -> Tensor:
    sums = [
        jnp.sum(jnp.square(_wide(t)), axis=a).reshape(-1) for t, a in zip(tensors, axes)
    ]
    return jnp.sqrt(jnp.concatenate(sums))


def scale_by_group(
    tensors: Sequence[Tensor], scales: Tensor, groups: Sequence[int]
) -> list[Tensor]:
    entries = jnp.unstack(scales)
    return [_multiply(t, entries[g]) for t, g in zip(tensors, groups)]


def scale_each(
    tensors: Sequence[Tensor], scales: Sequence[Tensor], finite: Tensor
) -> list[Tensor]:
    del finite
    return [_multiply(t, s) for t, s in zip(tensors, scales)]


def _multiply(tensor: Tensor, scale: Tensor) -> Tensor:
    # In half precision the scale would lose its digits.
    wide = "float64" if tensor.dtype == "float64" else "float32"
    product = tensor.astype(wide) * scale.astype(wide)
    return jnp.where(scale == 0, 0.0, product).astype(tensor.dtype)


def clip_elements(tensors: Sequence[Tensor], bound: Any) -> list[Tensor]:
    return [jnp.clip(t, -bound, bound).astype(t.dtype) for t in tensors]


# A copy of larger tensors costs more than what it saves.
_SMALL = 2**16


def clip_together(tensors: Sequence[Tensor], bound: Any) -> Clipped:
    together = _side_by_side(tensors)
    within = [jnp.clip(t, -bound, bound) for t in together]
    before, after = (
        sum(jnp.sum(jnp.square(t)) for t in several) for several in (together, within)
    )

    def look() -> Tensor:
        # Two sums that should be equal may differ in the last bit.
        return jnp.stack([jnp.max(jnp.abs(t)) for t in together]).max() > bound

    # Where far less is left than was there, nobody has to look at it once more.
    exceeds = jax.lax.cond(after < 0.999 * before, lambda: jnp.ones((), "bool"), look)
    return Clipped(clip_elements(tensors, bound), before, after, exceeds)


def _side_by_side(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Returns the same numbers in fewer tensors, float32: small ones in a row."""
    wide = [_wide(t) for t in tensors]
    if keras.distribution.distribution() is not None:
        return wide  # to lay shards side by side would move them
    small = [t.reshape(-1) for t in wide if t.size <= _SMALL]
    row = [jnp.concatenate(small)] if small else []
    return [t for t in wide if t.size > _SMALL] + row


# Histories.


def split(values: Tensor, sizes: Sequence[Any]) -> Sequence[Tensor]:
    ends = np.cumsum(sizes)[:-1]
    return jnp.split(values, ends)


def keep(observed: Tensor, new: Tensor, old: Tensor) -> Tensor:
    shape = (-1,) + (1,) * (old.ndim - 1)
    return jnp.where(observed.reshape(shape), new, old).astype(old.dtype)


def shift(values: Tensor, by: int, fill: float) -> Tensor:
    # A pad and a slice: XLA fuses and vectorizes these, a concatenation not.
    before, after = (1, 0) if by == 1 else (0, 1)
    padded = jnp.pad(values, ((0, 0), (before, after)), constant_values=fill)
    return padded[:, :-1] if by == 1 else padded[:, 1:]


def count_at_most(ascending: Tensor, values: Tensor) -> Tensor:
    def search(row: Tensor, wanted: Tensor) -> Tensor:
        return jnp.searchsorted(row, wanted, side="right")

    return jax.vmap(search)(ascending, values)


def has_float64(tensor: Tensor) -> bool:
    return False


def constant(array: np.ndarray, like: Tensor) -> Tensor:
    return array


# Numbers of rules.


def numbers(row: Any, made: np.ndarray, exact: Sequence[int]) -> Sequence[Any]:
    parts = jnp.unstack(jnp.where(row == 0, made, row))
    return [
        tuple(parts[3 * i : 3 * i + 3]) if i in exact else parts[3 * i]
        for i in range(len(made) // 3)
    ]


# Variables.


def read(variable: Any) -> Tensor:
    return variable.value


copy = read


def assign(variable: Any, value: Tensor) -> None:
    variable.assign(value)


def write_row(variable: Any, row: Tensor, values: Tensor) -> None:
    # A Python 0 would be an int64 where JAX has them.
    start = (row, *[jnp.zeros_like(row)] * (len(variable.shape) - 1))
    updated = jax.lax.dynamic_update_slice(variable.value, values[None], start)
    variable.assign(updated)


def restore_unless(
    kept: Tensor, variables: Sequence[Any], before: Sequence[Tensor]
) -> None:
    for variable, value in zip(variables, before):
        variable.assign(jnp.where(kept, variable.value, value))


# Many steps at once.


def run_through(
    function: Callable[..., Any], state: Any, rows: Sequence[Any]
) -> tuple[Tensor, ...]:
    first = {name: jnp.asarray(value) for name, value in state.items()}
    given = tuple(jnp.asarray(row) for row in rows)

    @jax.jit
    def run(first: Any, given: Any) -> Any:
        return jax.lax.scan(lambda carry, row: function(carry, *row), first, given)[1]

    found: tuple[Tensor, ...] = run(first, given)
    return found


# Devices.


def replicas_to_sum() -> int:
    return 1  # the compiler does it, inside the gradient


def is_first_process() -> bool:
    return jax.process_index() == 0


class TrainStepWithLogs:
    """Adds `self.step_logs()` to what `train_step` logs."""

    def train_step(self, state: Any, data: Any) -> Any:
        logs, state = super().train_step(state, data)  # type: ignore[misc]
        variables = self.optimizer.variables  # type: ignore[attr-defined]
        with keras.StatelessScope(state_mapping=list(zip(variables, state[2]))):
            return {**logs, **self.step_logs()}, state  # type: ignore[attr-defined]
