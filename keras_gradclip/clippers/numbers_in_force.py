"""The numbers of a rule that is in use: people change them while they train.

They stand in one row of floats, a variable of the optimizer, so that a step
that is compiled reads what was last written, as it does a learning rate. Zeros
mean "as the rule was made": a row of zeros changes nothing.
"""

from typing import Any, NamedTuple

import keras
import numpy as np

from keras_gradclip._backend import backend
from keras_gradclip.clippers.arguments import Count, Range

NO_BOUND = float(np.finfo("float32").max)
"""What stands for inf in a step: an inf there would be a false alarm to tools
that look for a real one."""

# Where float64 is not everywhere, three float32 hold all digits of a number.
_PARTS = 1 if backend.NUMBER_DTYPE == "float64" else 3
# A number that was set to 0 is written as this, too small to differ from it.
_ZERO = float(np.finfo("float32").tiny)


class _Number(NamedTuple):
    name: str
    is_count: bool
    is_exact: bool


class Numbers:
    """The numbers of one rule that a step can be given anew.

    Args:
        arguments: The rule's arguments by name.
        annotations: Their annotations.
    """

    def __init__(self, arguments: dict[str, Any], annotations: dict[str, Any]):
        self._numbers = [
            number
            for name, value in arguments.items()
            if (number := _as_number(name, value, annotations[name]))
        ]
        self._made = self.row({n.name: arguments[n.name] for n in self._numbers})
        self._exact = tuple(i for i, n in enumerate(self._numbers) if n.is_exact)

    def __len__(self) -> int:
        return len(self._numbers)

    def __contains__(self, name: str) -> bool:
        return any(number.name == name for number in self._numbers)

    def __str__(self) -> str:
        return ", ".join(number.name for number in self._numbers) or "it has none"

    @property
    def unchanged(self) -> np.ndarray:
        """The row that changes nothing."""
        return np.zeros_like(self._made)

    def values(self, row: Any) -> dict[str, Any]:
        """Returns the numbers by name, as a step computes with them.

        Those that ask for it are exact; see `interface.Backend.numbers`. None
        are returned where the backend knows that no number was changed.
        """
        values = backend.numbers(row, self._made, self._exact)
        return {n.name: value for n, value in zip(self._numbers, values)}

    def row(self, changed: dict[str, float]) -> np.ndarray:
        """Returns the row with these numbers changed, and no others."""
        parts = [
            _parts_of(changed[n.name]) if n.name in changed else [0.0] * _PARTS
            for n in self._numbers
        ]
        return np.array(parts, backend.NUMBER_DTYPE).reshape(-1)

    def changed(self, variable: Any) -> dict[str, Any]:
        """Returns the numbers that were changed, read from the device."""
        row = keras.ops.convert_to_numpy(variable).astype("float64")
        result = {}
        for number, parts in zip(self._numbers, row.reshape(-1, _PARTS)):
            if not parts[0]:
                continue
            value = float(sum(p for p in parts if p != _ZERO))
            value = float("inf") if value >= NO_BOUND else value
            result[number.name] = round(value) if number.is_count else value
        return result


def _as_number(name: str, value: Any, annotation: Any) -> _Number | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None  # a schedule, or nothing
    for check in getattr(annotation, "__metadata__", ()):
        if isinstance(check, Range):
            return _Number(name, is_count=False, is_exact=check.exact)
        if isinstance(check, Count) and not check.fixed:
            return _Number(name, is_count=True, is_exact=False)
    return None


def _parts_of(value: float) -> list[float]:
    """Splits a number; none of the parts is 0."""
    rest, parts = min(float(value), NO_BOUND), []
    for _ in range(_PARTS):
        part = float(np.dtype(backend.NUMBER_DTYPE).type(rest))
        parts.append(part or _ZERO)
        rest -= part
    return parts
