"""The log of the last updates: a ring of rows, which people read."""

from typing import Any

import numpy as np

from keras_gradclip._backend import backend, ops
from keras_gradclip.clippers import Record
from keras_gradclip.clippers.numbers_in_force import NO_BOUND

LOG_NUMBERS = 65536
"""About how many numbers a log holds; its memory is four times that."""

OF_GROUPS = ("norm", "threshold", "scale")
OF_WHOLE = ("grad_norm", "grad_norm_clipped")


def log_length_for(groups: int) -> int:
    """How many steps a log holds: fewer if there are many groups."""
    return int(np.clip(LOG_NUMBERS // (len(OF_GROUPS) * groups), 64, 1024))


class ClipLog:
    """What clipping did in the last steps, in one variable of the optimizer.

    A row holds the norms, thresholds and scales of all groups, and then the
    norm of the whole gradient before and after.

    Args:
        groups: How many groups there are.
        add_variable: Makes a variable of a name and a NumPy array.
    """

    def __init__(self, groups: int, add_variable: Any):
        self.groups, self.length = groups, log_length_for(groups)
        width = len(OF_GROUPS) * groups + len(OF_WHOLE)
        zeros = np.zeros((self.length, width), "float32")
        self.variable = add_variable("log", zeros)

    def write(self, record: Record, step: Any) -> None:
        """Writes a step's row."""
        whole = (ops.reshape(v, (1,)) for v in (record.whole, record.whole_after))
        parts = (record.norms, record.thresholds, record.scales, *whole)
        row = ops.concatenate(parts)
        backend.write_row(self.variable, self._position_of(step), row)

    def _position_of(self, step: Any) -> Any:
        # In this order: TensorFlow counts steps beyond an int32.
        return ops.cast(ops.convert_to_tensor(step) % self.length, "int32")

    def last(self, until: Any) -> dict[str, Any]:
        """Returns the row of the step before `until`, on the device."""
        return self._columns(
            ops.take(self.variable, self._position_of(until - 1), axis=0)
        )

    def history(self, since: int, until: int) -> dict[str, np.ndarray]:
        """Returns what the log holds of the steps in `[since, until)`."""
        steps = np.arange(max(since, until - self.length, 0), until)
        rows = ops.convert_to_numpy(self.variable)[steps % self.length]
        # A row of zeros was never written: the steps came from a file that
        # was saved without a clipper.
        written = rows.any(axis=1)
        columns = self._columns(rows[written])
        # A step that was not finite, or without a bound: neither a NaN nor the
        # number that stands for inf in compiled code may reach a log or a plot.
        not_scales = {
            name: np.where(values < NO_BOUND, values, np.float32(np.inf))
            for name, values in columns.items()
            if name != "scale"
        }
        return {"step": steps[written], **columns, **not_scales}

    def _columns(self, rows: Any) -> dict[str, Any]:
        n = self.groups
        parts = {name: rows[..., i * n : i * n + n] for i, name in enumerate(OF_GROUPS)}
        whole = {name: rows[..., i - len(OF_WHOLE)] for i, name in enumerate(OF_WHOLE)}
        return parts | whole
