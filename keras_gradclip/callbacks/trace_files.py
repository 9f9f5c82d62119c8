"""Traces in files: CSV for people and spreadsheets, npz for all of it."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_gradclip.callbacks.trace import COLUMNS, OF_GROUPS, OF_STEPS, Trace

WHOLE = "global"
"""The one group of a file that tells of the whole gradient only."""


def write_csv(trace: Trace, path: str | Path) -> Path:
    path = Path(path)
    columns = trace.flat()
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        # As Python numbers, whose text leads back to the same float32.
        writer.writerows(zip(*(_texts(values) for values in columns.values())))
    return path


def _texts(values: np.ndarray) -> list[str]:
    return [str(value) for value in values]


def write_npz(trace: Trace, path: str | Path) -> Path:
    path = Path(path)
    about = {"every": trace.every, "name": trace.name, "settings": trace.settings}
    arrays: dict[str, Any] = {
        "groups": np.array(trace.groups, dtype=str),
        "about": np.array(json.dumps(about)),
        **trace,
    }
    with path.open("wb") as file:  # by name, NumPy would add a suffix
        np.savez_compressed(file, **arrays)
    return path


def read_trace(path: str | Path) -> Trace:
    """Reads a trace that `to_csv` or `to_npz` wrote, or someone else's CSV.

    Of another logger's file, a column `grad_norm` is enough, also with a
    prefix such as `train/grad_norm`; `step`, `epoch` and `grad_norm_clipped`
    are used where they are. What it does not tell is left open: one group,
    thresholds of inf, and scales of 1 unless there is a norm after clipping.
    Rows without a norm, which loggers write for other figures, are left out.

    Args:
        path: A `.npz` file, or a CSV file with a header.

    Returns:
        A `Trace`.

    Raises:
        ValueError: If the file holds no norms of gradients.

    Example:

    ```python
    monitor.trace.to_npz("run.npz")
    trace = read_trace("run.npz")
    ```
    """
    path = Path(path)
    return _read_npz(path) if path.suffix == ".npz" else _read_csv(path)


def _read_npz(path: Path) -> Trace:
    with np.load(path, allow_pickle=False) as file:
        missing = {*COLUMNS, "groups", "about"} - set(file.files)
        if missing:
            raise ValueError(
                f"`path` must be a trace; the file has no {sorted(missing)}. "
                f"Received: path={str(path)!r}"
            )
        columns = {name: file[name] for name in COLUMNS}
        groups = [str(name) for name in file["groups"]]
        about = json.loads(str(file["about"]))
    return Trace(columns, groups, **about)


def _read_csv(path: Path) -> Trace:
    with path.open(newline="", encoding="utf-8-sig") as file:
        header, *rows = [*csv.reader(file)] or [[]]
    # Others may leave out what is empty at the end of a row.
    rows = [row + [""] * (len(header) - len(row)) for row in rows if row]
    texts = {name: [row[i] for row in rows] for i, name in enumerate(header)}
    groups = [name.removeprefix("norm/") for name in header if name[:5] == "norm/"]
    ours = {*OF_STEPS, *(f"{n}/{group}" for n in OF_GROUPS for group in groups)}
    if groups and ours <= set(header):
        return _of_ours(texts, groups)
    return _of_others(texts, path)


def _of_ours(texts: dict[str, list[str]], groups: Sequence[str]) -> Trace:
    columns: dict[str, Any] = {
        name: np.array(texts[name], "int64") for name in ("step", "epoch", "batch")
    }
    for name in ("grad_norm", "grad_norm_clipped"):
        columns[name] = np.array(texts[name], "float32")
    for name in OF_GROUPS:
        parts = [np.array(texts[f"{name}/{group}"], "float32") for group in groups]
        columns[name] = np.stack(parts, axis=1)
    between = np.diff(columns["step"])
    every = int(between.min()) if len(between) else 1
    return Trace(columns, groups, max(every, 1))


def _of_others(texts: dict[str, list[str]], path: Path) -> Trace:
    def column(name: str) -> list[str] | None:
        names = [n for n in texts if n == name or n.endswith(f"/{name}")]
        return texts[min(names, key=len)] if names else None

    norms = column("grad_norm")
    if norms is None:
        raise ValueError(
            "`path` must be a CSV file with a column 'grad_norm'. Received: "
            f"path={str(path)!r}, with the columns {list(texts)}"
        )
    present = np.array([bool(text.strip()) for text in norms], bool)

    def numbers(name: str, otherwise: Any) -> np.ndarray:
        found = column(name)
        if found is None:
            return np.asarray(otherwise)
        values = [float(t) if t.strip() else np.nan for t in found]
        return np.array(values, "float64")[present]

    norm = numbers("grad_norm", None).astype("float32")
    norm = np.where(np.isnan(norm), np.float32(np.inf), norm)
    unknown = np.full(len(norm), -1)
    after = numbers("grad_norm_clipped", norm).astype("float32")
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = np.where(after < norm, after / norm, np.float32(1.0))
    step = np.nan_to_num(numbers("step", np.arange(len(norm))), nan=-1)
    epoch = np.nan_to_num(numbers("epoch", unknown), nan=-1)
    columns = {
        "step": step.astype("int64"),
        "epoch": epoch.astype("int64"),
        "grad_norm": norm,
        "grad_norm_clipped": np.where(np.isnan(after), np.float32(0), after),
        "norm": norm[:, None],
        "threshold": np.full((len(norm), 1), np.inf, "float32"),
        "scale": scale[:, None],
    }
    return Trace(columns, [WHOLE])
