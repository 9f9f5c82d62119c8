"""What is gathered of one optimizer: its trace, and the epoch's figures."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_gradclip.callbacks.epoch_logs import EpochLogs
from keras_gradclip.callbacks.trace import UNKNOWN, Trace
from keras_gradclip.callbacks.trace_builder import TraceBuilder
from keras_gradclip.callbacks.watched import Watched


class Recorder:
    """Gathers what one optimizer does.

    Args:
        optimizer: A clipped optimizer.
        name: What it is called.
        max_steps: How many rows a trace may have.
    """

    def __init__(self, optimizer: Any, name: str, max_steps: int):
        self.watched, self._max_steps = Watched(optimizer, name), max_steps
        self._builders: list[TraceBuilder] = []
        self.epoch_logs = EpochLogs()
        self._batches_read = 0
        self._updates_per_batch = 1

    @property
    def traces(self) -> list[Trace]:
        """One for each stretch of training that goes on without going back."""
        return [builder.trace for builder in self._builders]

    @property
    def has_log(self) -> bool:
        """Whether there is anything to tell: not of what was never built."""
        return self.watched.log_length is not None

    def begin_epoch(self) -> None:
        self.watched.begin()
        self.epoch_logs = EpochLogs()
        self._batches_read = 0

    def is_due(self, batches: int, at_once: int) -> bool:
        """Whether further batches might overwrite what was not read yet."""
        length = self.watched.log_length
        unread = batches - self._batches_read
        if length is None or unread == 0:
            return False
        return (unread + at_once) * self._updates_per_batch > length

    def read(self, epoch: int, at_least: int, at_most: int) -> int:
        """Reads what was done since, and returns how many were dropped in a row.

        Args:
            epoch: The number of the epoch.
            at_least: How many of its batches were trained on, at least.
            at_most: The same, at most.
        """
        unread = at_most - self._batches_read
        part = self.watched.read(unread * self._updates_per_batch)
        if part is None:
            return 0
        done = len(part.rows["step"])
        if unread > 0:
            per_batch = -(-(done + part.skipped) // unread)
            self._updates_per_batch = max(self._updates_per_batch, per_batch)
        if part.is_new or not self._builders:
            self._begin_trace()
        if done:
            batch = self._batch_numbers(done + part.skipped, at_least, at_most)
            of_rows = batch if not part.skipped else np.full(done, UNKNOWN)
            columns: Mapping[str, np.ndarray] = {
                **part.rows,
                "epoch": np.full(done, epoch),
                "batch": of_rows,
            }
            self._builders[-1].add(columns)
        self.epoch_logs.add(part.rows, part.skipped)
        self._batches_read = at_most
        return part.dropped_in_a_row

    def _begin_trace(self) -> None:
        watched = self.watched
        self._builders.append(
            TraceBuilder(
                watched.optimizer.clip_groups,
                self._max_steps,
                watched.name,
                watched.settings,
            )
        )

    def _batch_numbers(self, updates: int, at_least: int, at_most: int) -> np.ndarray:
        """Returns each update's batch in its epoch, where that is certain."""
        each = self.watched.optimizer.gradient_accumulation_steps or 1
        start, trained = self._batches_read, updates * each
        if start % each or not at_least <= start + trained <= at_most:
            return np.full(updates, UNKNOWN)
        return start + each * np.arange(1, updates + 1) - 1
