"""What a run tells while it goes on: a CSV file, TensorBoard, a progress line."""

import contextlib
import csv
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TextIO

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter


class Row(NamedTuple):
    """One line of metrics.csv; None where there is nothing to tell yet."""

    step: int
    """Environment steps so far."""
    updates: int
    """Gradient steps so far."""
    episodes: int
    """Finished episodes so far."""
    epsilon: float
    """Share of random actions."""
    mean_return: float | None = None
    """Mean undiscounted return of the last 20 finished episodes."""
    loss: float | None = None
    """Mean loss of the last block of updates."""
    norm: float | None = None
    """Median gradient norm of that block, before clipping."""
    threshold: float | None = None
    """Median clipping threshold of that block."""
    clip_fraction: float | None = None
    """Share of that block's updates whose gradient was scaled down."""
    greedy_return: float | None = None
    """Mean return of a greedy evaluation, where there was one."""


class Report:
    """Writes rows to `metrics.csv`, to TensorBoard and to the screen.

    Args:
        folder: Where the files go.
        total_steps: Where the progress line ends.
        rows: What an earlier part of the run has recorded, up to where it is gone
            on with. The files begin anew with them.
        stream: Where the progress line goes. None is standard output.
    """

    def __init__(
        self,
        folder: Path,
        total_steps: int,
        rows: Sequence[Row] = (),
        stream: TextIO | None = None,
    ):
        self.folder = folder
        self.rows: list[Row] = []
        for old in folder.glob("events.out.tfevents.*"):
            old.unlink()
        self._file = (folder / "metrics.csv").open("w", newline="")
        self._csv = csv.writer(self._file)
        self._events = EventFileWriter(str(folder))
        begun = rows[-1].step if rows else 0
        stream = stream or sys.stdout
        self._progress = Progress(total_steps, stream, begun)
        self._waiting = Waiting(stream)
        try:
            self._csv.writerow(Row._fields)
            for row in rows:
                self._write(row)
        except OSError:  # a full disk, of which the file would speak again
            with contextlib.suppress(OSError):
                self.close()
            raise

    def record(self, row: Row) -> None:
        """Adds a row to the file, to TensorBoard and to the progress line."""
        self._write(row)
        self._progress.show(row)
        self._waiting.begin()

    def wait(self, step: int, playing: int) -> None:
        """Tells that greedy episodes go on, where they take long."""
        self._waiting(step, playing)

    def _write(self, row: Row) -> None:
        self.rows.append(row)
        self._csv.writerow(["" if value is None else value for value in row])
        # So that who looks on, `seeds.py` for one, sees how far the run is.
        self._file.flush()
        # One event with all values: a call for each costs ten times as much.
        summary = Summary(
            value=[
                Summary.Value(tag=name, simple_value=value)
                for name, value in row._asdict().items()
                if value is not None and name != "step"
            ]
        )
        self._events.add_event(
            Event(summary=summary, step=row.step, wall_time=time.time())
        )

    def close(self) -> None:
        """Ends the progress line and the files."""
        self._progress.close()
        self._events.close()
        self._file.close()


class Progress:
    """One line that renews itself on a terminal; a line every tenth elsewhere."""

    def __init__(self, total_steps: int, stream: TextIO, begun: int = 0):
        self._total = total_steps
        self._begun = begun
        self._stream = stream
        self._terminal = stream.isatty()
        self._started = time.monotonic()
        self._tenths = 0

    def show(self, row: Row) -> None:
        """Shows a row, if this is the time for it."""
        if self._terminal:
            columns = shutil.get_terminal_size().columns - 1
            line = self.line(row)
            if len(line) > columns:
                line = self.line(row, short=True)[:columns]
            # Erases the rest of the line, where the last one was longer.
            self._stream.write(f"\r{line}\x1b[K")
            self._stream.flush()
        elif row.step * 10 // self._total > self._tenths:
            self._tenths = row.step * 10 // self._total
            print(self.line(row), file=self._stream, flush=True)

    def line(self, row: Row, short: bool = False) -> str:
        """The row in words; `short` fits 79 columns."""
        done = row.step / self._total
        # Of a resumed run, the steps taken since count against the time since.
        taken, missing = row.step - self._begun, self._total - row.step
        left = int((time.monotonic() - self._started) * missing / max(taken, 1))
        parts = [
            f"{done:4.0%} {left // 60}:{left % 60:02d}{'' if short else ' left'}",
            _part("return", row.mean_return, "5.1f"),
            _part("eps" if short else "epsilon", row.epsilon, ".2f"),
            _part("loss", row.loss, ".2f" if short else ".4f"),
            _part("norm", row.norm, ".1f" if short else ".3f"),
            _part("threshold", row.threshold, ".1f" if short else ".3f"),
            _part("clipped", row.clip_fraction, ".0%" if short else "4.0%"),
        ]
        if short:
            return " ".join(parts)
        return " | ".join([f"{row.step:>7,}/{self._total:,}", *parts])

    def close(self) -> None:
        """Leaves the last state of the line standing."""
        if self._terminal:
            self._stream.write("\n")


class Waiting:
    """Tells that greedy episodes go on: soon on a terminal, in time elsewhere."""

    def __init__(self, stream: TextIO):
        self._stream = stream
        self._terminal = stream.isatty()
        self._seconds = 1.0 if self._terminal else 5.0
        self.begin()

    def begin(self) -> None:
        """From here on, nothing has been told."""
        self._told = time.monotonic()

    def __call__(self, step: int, playing: int) -> None:
        """Is told the steps of each episode so far, and how many go on."""
        if time.monotonic() - self._told < self._seconds:
            return
        self.begin()
        text = (
            f"greedy episodes: {playing} to go at step {step:,}; "
            "--max-episode-steps ends them earlier"
        )
        if self._terminal:
            columns = shutil.get_terminal_size().columns - 1
            self._stream.write(f"\r{text[:columns]}\x1b[K")
            self._stream.flush()
        else:
            print(text, file=self._stream, flush=True)


def _part(name: str, value: float | None, form: str) -> str:
    return f"{name} {'-' if value is None else format(value, form)}"
