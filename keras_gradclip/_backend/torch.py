"""The backend's functions for torch; what each does says `interface.py`.

Eager torch pays for each call, and `keras.ops` more than torch itself: here
all tensors go through one call where there is one.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import keras
import numpy as np
import torch
from torch._utils import _flatten_dense_tensors, _unflatten_dense_tensors

from keras_gradclip._backend import torch_ops
from keras_gradclip._backend.interface import Clipped, SparseRows, Tensor
from keras_gradclip._keras import array_of, in_stateless_scope

# Thousands of counts are half the work as int32; one per group is none.
COUNT_DTYPE, POSITION_DTYPE = "int32", "int64"
NUMBER_DTYPE = "float32"  # not every device has float64


ops = torch_ops


# Gradients.


def as_rows(gradient: Any) -> SparseRows | None:
    return None  # Keras makes no sparse gradients here


def to_dense(gradient: Any) -> Tensor:
    return gradient


def _as_float(tensor: Any) -> Tensor:
    if not isinstance(tensor, torch.Tensor):
        tensor = keras.ops.convert_to_tensor(tensor)
    # The norm widens to float32, but does not narrow.
    return tensor.float() if tensor.dtype == torch.float64 else tensor


def sums_of_squares(tensors: Sequence[Any]) -> Tensor:
    present = [_as_float(t) for t in tensors if t is not None]
    if not present:
        return torch.zeros(len(tensors))
    # One fused call for all tensors; a loop costs ten times as much.
    norms = torch._foreach_norm(present, 2, dtype=torch.float32)
    if len(present) < len(tensors):
        found, zero = iter(norms), norms[0].new_zeros(())
        norms = [zero if t is None else next(found) for t in tensors]
    return torch.square(torch.stack(norms))


def were_bounded(
    tensors: Sequence[Any], bound: Any, before: Tensor, after: Tensor
) -> Tensor:
    # Equal numbers have equal sums where each is taken by itself.
    return before != after


def norm_together(tensors: Sequence[Tensor]) -> Tensor:
    present = [_as_float(t) for t in tensors]
    if not present:
        return torch.zeros(())
    norms = torch._foreach_norm(present, 2, dtype=torch.float32)
    return torch.linalg.vector_norm(torch.stack(norms))


def unit_norms(tensors: Sequence[Any], axes: Sequence[Any]) -> Tensor:
    values = [_as_float(tensor).float() for tensor in tensors]
    sums: list[Any] = [None] * len(values)
    for members in _alike(tuple(v.shape for v in values), tuple(axes)):
        summed = axes[members[0]]
        if len(members) < _ENOUGH:
            for i in members:
                squares = values[i] * values[i]
                # An empty tuple of axes would mean all of them.
                found = squares.sum(summed) if summed else squares
                sums[i] = found.view(-1)
            continue
        stacked = torch.stack([values[i] for i in members])
        squares = stacked * stacked
        found = squares.sum([axis + 1 for axis in summed]) if summed else squares
        for i, one in zip(members, found.view(len(members), -1)):
            sums[i] = one
    return torch.cat(sums).sqrt_()


# So many tensors of one shape, each up to that size, are put side by side: one
# call for all is much quicker than as many, but a copy of large ones is not.
_ENOUGH, _SMALL = 4, 2**16


@lru_cache(maxsize=256)
def _alike(
    shapes: tuple[torch.Size, ...], kinds: tuple[Any, ...]
) -> tuple[list[int], ...]:
    """Groups the positions of small tensors of one shape and kind."""
    groups: dict[Any, list[int]] = {}
    for i, (shape, kind) in enumerate(zip(shapes, kinds)):
        key = (shape, kind) if shape.numel() < _SMALL else i
        groups.setdefault(key, []).append(i)
    return tuple(groups.values())


def scale_by_group(
    tensors: Sequence[Tensor], scales: Tensor, groups: Sequence[int]
) -> list[Tensor]:
    if not _may_read(scales) or any(t.dtype != torch.float32 for t in tensors):
        return [_multiply(t, scales[g]) for t, g in zip(tensors, groups)]
    numbers = scales.tolist()
    factors = [numbers[g] for g in groups]
    if all(factor == 1.0 for factor in factors):
        return list(tensors)
    if 0.0 in factors:
        return [_multiply_by_number(t, f) for t, f in zip(tensors, factors)]
    # By one tensor it takes a third of the time that it takes by numbers.
    shared = scales[groups[0]] if len(set(groups)) == 1 else factors
    return list(torch._foreach_mul(list(tensors), shared))


def scale_each(
    tensors: Sequence[Tensor], scales: Sequence[Tensor], finite: Tensor
) -> list[Tensor]:
    in_float32 = all(t.dtype == torch.float32 for t in tensors)
    if not in_float32 or not _may_read(finite) or not bool(finite):
        return [_multiply(t, s) for t, s in zip(tensors, scales)]
    result: list[Any] = [None] * len(tensors)
    shapes = tuple(t.shape for t in tensors)
    for members in _alike(shapes, tuple(s.shape for s in scales)):
        if len(members) < _ENOUGH or scales[members[0]].ndim == 0:
            for i in members:
                result[i] = tensors[i] * scales[i]
            continue
        stacked = torch.stack([tensors[i] for i in members])
        products = stacked.mul_(torch.stack([scales[i] for i in members]))
        for i, product in zip(members, products):
            result[i] = product
    return result


def _may_read(tensor: Tensor) -> bool:
    """Whether torch has a tensor at hand, so that nothing waits for it."""
    return tensor.device.type == "cpu" and not torch.compiler.is_compiling()


def _multiply(tensor: Tensor, scale: Tensor) -> Tensor:
    # In half precision the scale would lose its digits.
    wide = torch.float64 if tensor.dtype == torch.float64 else torch.float32
    product = tensor.to(wide) * scale.to(wide)
    return torch.where(scale == 0, 0.0, product).to(tensor.dtype)


def _multiply_by_number(tensor: Tensor, factor: float) -> Tensor:
    return torch.zeros_like(tensor) if factor == 0.0 else tensor * factor


def clip_elements(tensors: Sequence[Tensor], bound: Any) -> list[Tensor]:
    if not tensors:
        return []
    if isinstance(bound, torch.Tensor):  # a schedule's
        return [torch.clamp(t, -bound.to(t.dtype), bound.to(t.dtype)) for t in tensors]
    below = torch._foreach_clamp_max(list(tensors), bound)
    return list(torch._foreach_clamp_min(below, -bound))


def clip_together(tensors: Sequence[Tensor], bound: Any) -> Clipped:
    if _go_together(tensors) and not isinstance(bound, torch.Tensor):
        row = _flatten_dense_tensors(tensors)
        within = row.clamp(-bound, bound)
        before, after = torch.linalg.vector_norm(row), torch.linalg.vector_norm(within)
        before, after = before * before, after * after
        values = list(_unflatten_dense_tensors(within, tensors))
    else:
        values = clip_elements(tensors, bound)
        before, after = sums_of_squares(tensors).sum(), sums_of_squares(values).sum()
    # Equal numbers have equal sums.
    return Clipped(values, before, after, before != after)


def _go_together(tensors: Sequence[Tensor]) -> bool:
    """Whether a copy of all in one row saves more calls than it costs."""
    return sum(t.numel() for t in tensors) <= _FEW and all(
        t.dtype == torch.float32 and t.device.type == "cpu" for t in tensors
    )


_FEW = 2**20

# Histories.


def split(values: Tensor, sizes: Sequence[Any]) -> Sequence[Tensor]:
    return torch.split(values, list(sizes))


def keep(observed: Tensor, new: Tensor, old: Tensor) -> Tensor:
    shape = (-1,) + (1,) * (old.ndim - 1)
    return torch.where(observed.reshape(shape), new, old).to(old.dtype)


def shift(values: Tensor, by: int, fill: float) -> Tensor:
    # `ops.pad` makes a new Operation each time, which costs more than it.
    before, after = (1, 0) if by == 1 else (0, 1)
    padded = torch.nn.functional.pad(values, (before, after), value=fill)
    return padded[:, :-1] if by == 1 else padded[:, 1:]


def count_at_most(ascending: Tensor, values: Tensor) -> Tensor:
    return torch.searchsorted(ascending, values, right=True)


def has_float64(tensor: Tensor) -> bool:
    return bool(tensor.device.type != "mps")


_constants: dict[tuple[int, torch.device], tuple[np.ndarray, Tensor]] = {}


def constant(array: np.ndarray, like: Tensor) -> Tensor:
    key = (id(array), like.device)
    if key not in _constants:
        # The array is kept with it, so that its id is not given to another.
        _constants[key] = array, torch.as_tensor(array, device=like.device)
    return _constants[key][1]


# Numbers of rules.


def numbers(row: Any, made: np.ndarray, exact: Sequence[int]) -> Sequence[Any]:
    if _may_read(row):
        changed = row.tolist()
        if not any(changed):
            return []
        parts = [c or m for c, m in zip(changed, made.tolist())]
        return [sum(parts[i : i + 3]) for i in range(0, len(parts), 3)]
    parts = torch.where(row == 0, constant(made, row), row).unbind()
    return [
        tuple(parts[3 * i : 3 * i + 3]) if i in exact else parts[3 * i]
        for i in range(len(made) // 3)
    ]


# Variables.


def read(variable: Any) -> Tensor:
    return array_of(variable) if isinstance(variable, keras.Variable) else variable


def copy(variable: Any) -> Tensor:
    # An assignment writes into the memory of the value.
    return read(variable).detach().clone()


def write_row(variable: Any, row: Tensor, values: Tensor) -> None:
    with torch.no_grad():
        array_of(variable).index_copy_(0, row.reshape(1).long(), values[None])


def assign(variable: Any, value: Tensor) -> None:
    array = array_of(variable)
    if in_stateless_scope() or value.shape != array.shape:
        variable.assign(value)
        return
    with torch.no_grad():
        array.copy_(value)


def restore_unless(
    kept: Tensor, variables: Sequence[Any], before: Sequence[Tensor]
) -> None:
    for variable, value in zip(variables, before):
        variable.assign(torch.where(kept, variable.value, value))


# Many steps at once.


def run_through(
    function: Callable[..., Any], state: Any, rows: Sequence[Any]
) -> tuple[Tensor, ...]:
    state = {name: keras.ops.convert_to_tensor(v) for name, v in state.items()}
    done = []
    with torch.no_grad():
        for row in zip(*(keras.ops.convert_to_tensor(values) for values in rows)):
            state, found = function(state, *row)
            done.append(found)
    return tuple(torch.stack(values) for values in zip(*done))


# Devices.


def replicas_to_sum() -> int:
    return 1  # DistributedDataParallel does it, in `backward`


def is_first_process() -> bool:
    there = torch.distributed.is_available() and torch.distributed.is_initialized()
    return not there or torch.distributed.get_rank() == 0


class TrainStepWithLogs:
    """Adds `self.step_logs()` to what `train_step` logs."""

    def train_step(self, data: Any) -> Any:
        logs = super().train_step(data)  # type: ignore[misc]
        return {**logs, **self.step_logs()}  # type: ignore[attr-defined]
