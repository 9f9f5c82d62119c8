"""The least that a step of clipping can cost on torch, written by hand.

The same reads and writes as ours: the norms of all gradients, whether they are
finite, the history, the threshold, the scaled gradients and one row of the log;
and nothing general: dense float32 gradients of all variables, on the CPU, where
reading a number waits for nothing. What one finds out on the way:

- A call costs more than what it does. `_flatten_dense_tensors` and one norm take
  half of the time of `_foreach_norm`; one sum over stacked weights of one shape a
  tenth of as many sums; `_foreach_mul_` by a tensor a third of that by a number.
- Along a first axis `(x * x).sum(0)` takes half of the time of `vector_norm`.
- Histories are NumPy's: a search in one takes a microsecond.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch._utils import _flatten_dense_tensors

from benchmarks.overhead.hook import Hook

Tensors = Sequence[torch.Tensor]
LOG_LENGTH = 1024
TINY = 1e-30


class GlobalFloor(Hook):
    """One norm for all gradients, and a threshold that a history decides."""

    def prepare(self, variables: Sequence[Any]) -> None:
        self._log = np.zeros((LOG_LENGTH, 3), "float32")
        self._steps = 0
        self._factor = torch.ones(())
        self.prepare_history()

    def prepare_history(self) -> None: ...

    def threshold(self, norm: float) -> float:
        """Returns the threshold after the history has taken in the norm."""
        raise NotImplementedError

    def clip(self, gradients: Tensors, variables: Sequence[Any]) -> Tensors:
        norm = torch.linalg.vector_norm(_flatten_dense_tensors(gradients)).item()
        threshold, scale = math.inf, 0.0
        if math.isfinite(norm):
            threshold = self.threshold(norm)
            scale = 1.0 if norm <= threshold else threshold / norm
        self._log[self._steps % LOG_LENGTH] = norm, threshold, scale
        self._steps += 1
        if scale == 0.0:
            torch._foreach_zero_(gradients)
        elif scale < 1.0:
            torch._foreach_mul_(gradients, self._factor.fill_(scale))
        return gradients


class WholeHistoryFloor(GlobalFloor):
    """AutoClip's percentile of all norms so far, from counts in buckets."""

    percentile = 0.1

    def prepare_history(self) -> None:
        buckets = math.ceil(math.log(1e20) / math.log1p(0.01))
        edges = np.geomspace(1e-10, 1e10, buckets + 1)
        edges = np.append(edges, [np.finfo("float32").max] * 2)
        self._edges = edges.astype("float32")
        self._counts = np.zeros(len(edges) - 1, "int32")
        self._count, self._largest = 0, 0.0

    def threshold(self, norm: float) -> float:
        if norm > 0:
            self._counts[self._edges.searchsorted(np.float32(norm)) :] += 1
            self._count += 1
            self._largest = max(self._largest, norm)
        if not self._count:
            return math.inf
        rank = self.percentile * (self._count - 1)
        low = int(rank)
        high = min(low + 1, self._count - 1)
        buckets = self._counts.searchsorted((low, high), side="right")
        first, second = np.minimum(self._edges[buckets], self._largest).tolist()
        return first + (rank - low) * (second - first)


class WindowFloor(GlobalFloor):
    """AutoClip's percentile of the last norms, from a sorted copy of them."""

    percentile, window = 0.1, 1024

    def prepare_history(self) -> None:
        self._ring = np.zeros(self.window, "float32")
        self._sorted = np.zeros(self.window, "float32")
        self._count = 0

    def threshold(self, norm: float) -> float:
        if norm > 0:
            self._replace_oldest(norm)
        filled = min(self._count, self.window)
        if not filled:
            return math.inf
        rank = self.percentile * (filled - 1)
        low = int(rank)
        first, second = self._sorted[[low, min(low + 1, filled - 1)]].tolist()
        return first + (rank - low) * (second - first)

    def _replace_oldest(self, norm: float) -> None:
        ordered, slot = self._sorted, self._count % self.window
        filled = min(self._count, self.window)
        gone = filled
        if filled == self.window:
            gone = int(ordered.searchsorted(self._ring[slot]))
        place = int(ordered[:filled].searchsorted(np.float32(norm)))
        if place > gone:
            place -= 1
            ordered[gone:place] = ordered[gone + 1 : place + 1]
        else:
            ordered[place + 1 : gone + 1] = ordered[place:gone]
        ordered[place] = self._ring[slot] = norm
        self._count += 1


class ClipByValueFloor(Hook):
    """Each element's bound; of the norms before and after the log has a row."""

    value = 0.1

    def prepare(self, variables: Sequence[Any]) -> None:
        self._log = np.zeros((LOG_LENGTH, 3), "float32")
        self._steps = 0

    def clip(self, gradients: Tensors, variables: Sequence[Any]) -> Tensors:
        before = torch.linalg.vector_norm(_flatten_dense_tensors(gradients)).item()
        if not math.isfinite(before):
            torch._foreach_zero_(gradients)
        torch._foreach_clamp_min_(gradients, -self.value)
        torch._foreach_clamp_max_(gradients, self.value)
        after = torch.linalg.vector_norm(_flatten_dense_tensors(gradients)).item()
        scale = after / before if before > 0 else 1.0
        self._log[self._steps % LOG_LENGTH] = before, after, scale
        self._steps += 1
        return gradients


class _Alike(NamedTuple):
    """The variables of one shape, which are measured in one call."""

    members: list[int]
    shape: tuple[int, int, int]
    """Their number, and the elements and the number of each one's units."""
    weights: Tensors
    gradient_sums: torch.Tensor
    """Each unit's sum of squares, shape (members, units): a view."""
    weight_sums: torch.Tensor
    scales: torch.Tensor
    """Shape (members, 1, units), a view too."""


class AGCFloor(Hook):
    """AGC by unit: the sums, scales and bounds of all units in one flat row."""

    clip_factor, epsilon = 0.01, 1e-3

    def prepare(self, variables: Sequence[Any]) -> None:
        together: dict[tuple[int, ...], list[int]] = {}
        for i, variable in enumerate(variables):
            together.setdefault(tuple(variable.shape), []).append(i)
        units = {shape: shape[-1] if len(shape) > 1 else 1 for shape in together}
        total = sum(units[shape] * len(which) for shape, which in together.items())
        self._sums, self._scales = torch.zeros(2, total), torch.zeros(total)
        self._alike, owners, start = [], [], 0
        for shape, which in together.items():
            n = units[shape]
            part = slice(start, start + n * len(which))
            start, rows = part.stop, (len(which), n)
            self._alike.append(
                _Alike(
                    which,
                    (len(which), math.prod(shape) // n, n),
                    [variables[i].value.detach() for i in which],
                    self._sums[0, part].view(rows),
                    self._sums[1, part].view(rows),
                    self._scales[part].view(len(which), 1, n),
                )
            )
            owners += np.repeat(which, n).tolist()
        self._owners = torch.tensor(owners)
        self._effect = torch.zeros(2, len(variables))
        self._log = torch.zeros(LOG_LENGTH, 3, len(variables))
        self._steps = 0

    def clip(self, gradients: Tensors, variables: Sequence[Any]) -> Tensors:
        stacked = []
        for alike in self._alike:
            both = (
                _stack([gradients[i] for i in alike.members], alike.shape),
                _stack(alike.weights, alike.shape),
            )
            stacked.append(both[0])
            torch.sum(both[0] * both[0], 1, out=alike.gradient_sums)
            torch.sum(both[1] * both[1], 1, out=alike.weight_sums)
        norms, bounds = self._sums.sqrt()
        bounds.clamp_(min=self.epsilon).mul_(self.clip_factor)
        torch.div(bounds, norms.clamp_(min=TINY), out=self._scales).clamp_(max=1.0)
        if self._write_row():
            torch._foreach_mul_(stacked, [alike.scales for alike in self._alike])
        else:
            torch._foreach_zero_(stacked)
        clipped = list(gradients)
        for alike, values in zip(self._alike, stacked):
            for i, value in zip(alike.members, values.unbind(0)):
                clipped[i] = value.view(gradients[i].shape)
        return clipped

    def _write_row(self) -> bool:
        """Logs each variable's norms, and returns whether they are finite."""
        sums = self._sums[0]
        finite = math.isfinite(sums.sum().item())
        squares = torch.stack([sums, sums * self._scales.square()])
        self._effect.zero_().index_add_(1, self._owners, squares)
        row = self._log[self._steps % LOG_LENGTH]
        torch.sqrt(self._effect, out=row[:2])
        torch.div(row[1], row[0].clamp(min=TINY), out=row[2])
        self._steps += 1
        return finite


def _stack(tensors: Tensors, shape: tuple[int, int, int]) -> torch.Tensor:
    return (torch.stack(tensors) if len(tensors) > 1 else tensors[0]).view(shape)


FLOORS: dict[str, type[Hook]] = {
    "AutoClip global, whole history": WholeHistoryFloor,
    "AGC unit": AGCFloor,
    "ClipByValue": ClipByValueFloor,
}
for _window in (128, 1024, 8192):
    _floor = type("WindowFloor", (WindowFloor,), {"window": _window})
    FLOORS[f"AutoClip global, window {_window}"] = _floor
