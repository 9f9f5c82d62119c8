"""What clipping did step by step, as NumPy arrays."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

OF_STEPS = ("step", "epoch", "batch", "grad_norm", "grad_norm_clipped")
"""The columns of shape `(steps,)`."""

OF_GROUPS = ("norm", "threshold", "scale")
"""The columns of shape `(steps, groups)`."""

COLUMNS = (*OF_STEPS, *OF_GROUPS)

UNKNOWN = -1
"""What stands for an epoch or a batch number that is not known."""


class Trace(Mapping[str, np.ndarray]):
    """What clipping did in the steps of one optimizer.

    A mapping of names to NumPy arrays; `ClipMonitor` makes it, `read_trace`
    reads it from a file, and pictures and reports are made of it.

    Of shape `(steps,)`:

    - `"step"`: the number of the update, counted from 0;
    - `"epoch"` and `"batch"`: the epoch and the batch in it, both counted
      from 0, -1 where unknown;
    - `"grad_norm"`: the norm of the whole gradient before clipping, inf in a
      step whose gradient held a NaN or an inf;
    - `"grad_norm_clipped"`: the same after clipping, 0 where it was dropped.

    Of shape `(steps, groups)`:

    - `"norm"`: the norm of each group before clipping;
    - `"threshold"`: its bound, inf where there was none;
    - `"scale"`: the factor applied, 1 where nothing was clipped.

    Args:
        columns: The arrays by name; `"epoch"` and `"batch"` may be missing.
        groups: The names of the groups.
        every: Each row stands for so many steps: 1, or more if the trace was
            thinned. Defaults to 1.
        name: What the optimizer is called. Defaults to `""`.
        settings: What produced it, such as the clipper, as strings. Defaults
            to `None`, nothing.

    Attributes:
        groups: The names of the groups, in the order of the columns.
        every: See above.
        name: See above.
        settings: See above, a dict.

    Raises:
        ValueError: If a column is missing or has another shape.

    Example:

    ```python
    trace = monitor.trace
    worst = trace["norm"].max(axis=0).argmax()
    print(trace.groups[worst])
    trace.to_npz("run.npz")
    ```
    """

    def __init__(
        self,
        columns: Mapping[str, np.ndarray],
        groups: Sequence[str],
        every: int = 1,
        name: str = "",
        settings: Mapping[str, str] | None = None,
    ):
        steps = len(columns.get("step", ()))
        unknown = np.full(steps, UNKNOWN)
        given = {"epoch": unknown, "batch": unknown, **columns}
        shapes: dict[str, Any] = {name: (steps,) for name in OF_STEPS}
        shapes.update({name: (steps, len(groups)) for name in OF_GROUPS})
        for column, shape in shapes.items():
            found = np.shape(given[column]) if column in given else None
            if found != shape:
                raise ValueError(
                    f"`columns` must hold '{column}' of shape {shape}, for "
                    f"{len(groups)} groups. Received: "
                    + (f"shape {found}" if found is not None else "none")
                )
        self._columns = {name: np.asarray(given[name]) for name in COLUMNS}
        self.groups, self.every, self.name = tuple(groups), int(every), name
        self.settings = dict(settings or {})

    def __getitem__(self, name: str) -> np.ndarray:
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __repr__(self) -> str:
        return (
            f"<Trace of {self.steps} steps and {len(self.groups)} groups"
            + (f", every {self.every}th step" if self.every > 1 else "")
            + (f", name={self.name!r}>" if self.name else ">")
        )

    @property
    def steps(self) -> int:
        """How many rows there are."""
        return len(self["step"])

    @property
    def finite(self) -> np.ndarray:
        """Whether each step's gradient was, shape `(steps,)`."""
        return np.isfinite(self["grad_norm"]) & np.isfinite(self["norm"]).all(axis=1)

    def rows(self, chosen: Any) -> "Trace":
        """Returns a trace of these rows: a slice, a mask or indices."""
        columns = {name: values[chosen] for name, values in self.items()}
        return Trace(columns, self.groups, self.every, self.name, self.settings)

    def to_csv(self, path: str | Path) -> Path:
        """Writes a CSV file: a row a step, `norm/<group>` and so on.

        Returns:
            The path.
        """
        from keras_gradclip.callbacks.trace_files import write_csv

        return write_csv(self, path)

    def to_npz(self, path: str | Path) -> Path:
        """Writes all of it, settings included, to a compressed `.npz` file.

        Returns:
            The path.
        """
        from keras_gradclip.callbacks.trace_files import write_npz

        return write_npz(self, path)

    def to_dataframe(self) -> Any:
        """Returns a `pandas.DataFrame` with the columns of the CSV file.

        Raises:
            ImportError: If pandas is missing.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError(
                "`to_dataframe` needs pandas: pip install pandas"
            ) from error
        return pandas.DataFrame(self.flat())

    def flat(self) -> dict[str, np.ndarray]:
        """Returns one-dimensional columns, those of groups as `norm/<group>`."""
        columns = {name: self[name] for name in OF_STEPS}
        for name in OF_GROUPS:
            for i, group in enumerate(self.groups):
                columns[f"{name}/{group}"] = self[name][:, i]
        return columns
