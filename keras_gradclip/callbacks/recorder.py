"""What is gathered of one optimizer: its trace, and the epoch's figures."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from keras_gradclip.callbacks.epoch_logs import EpochLogs
from keras_gradclip.callbacks.spikes import Spike, SpikeFinder
from keras_gradclip.callbacks.trace import UNKNOWN, Trace
from keras_gradclip.callbacks.trace_builder import TraceBuilder
from keras_gradclip.callbacks.watched import Watched


class Seen(NamedTuple):
    """What is worth an alert in what was read at once."""

    dropped_in_a_row: int
    spikes: list[Spike]


class Recorder:
    """Gathers what one optimizer does.

    Args:
        optimizer: A clipped optimizer.
        name: What it is called.
        max_steps: How many rows a trace may have.
        spike_deviations: How many deviations make a spike.
        keeps_norms: Whether histograms of the epoch will be asked for.
    """

    def __init__(
        self,
        optimizer: Any,
        name: str,
        max_steps: int,
        spike_deviations: float,
        keeps_norms: bool = False,
    ):
        self._keeps_norms = keeps_norms
        self.watched, self._max_steps = Watched(optimizer, name), max_steps
        self._deviations = spike_deviations
        self._builders: list[TraceBuilder] = []
        self._finders: list[SpikeFinder] = []
        self._told: list[str] = []
        self._epoch_norms: list[np.ndarray] = []
        self.epoch_logs = EpochLogs()
        self._batches_read = 0
        self._updates_per_batch = 1

    @property
    def traces(self) -> list[Trace]:
        """One for each stretch of training that goes on without going back."""
        return [builder.trace for builder in self._builders]

    @property
    def spikes(self) -> list[Spike]:
        """Of all stretches."""
        return [spike for finder in self._finders for spike in finder.spikes]

    @property
    def spikes_of_traces(self) -> list[list[Spike]]:
        """Of each stretch, in the order of `traces`."""
        return [finder.spikes for finder in self._finders]

    @property
    def has_log(self) -> bool:
        """Whether there is anything to tell: not of what was never built."""
        return self.watched.log_length is not None

    def begin_epoch(self) -> None:
        self.watched.begin()
        self.epoch_logs = EpochLogs()
        self._epoch_norms = []
        self._batches_read = 0

    def is_due(self, batches: int, at_once: int) -> bool:
        """Whether further batches might overwrite what was not read yet."""
        length = self.watched.log_length
        unread = batches - self._batches_read
        if length is None or unread == 0:
            return False
        return (unread + at_once) * self._updates_per_batch > length

    def read(self, epoch: int, at_least: int, at_most: int) -> Seen:
        """Reads what was done since, and returns what is worth an alert.

        Args:
            epoch: The number of the epoch.
            at_least: How many of its batches were trained on, at least.
            at_most: The same, at most.
        """
        unread = at_most - self._batches_read
        part = self.watched.read(unread * self._updates_per_batch)
        if part is None:
            return Seen(0, [])
        done, spikes = len(part.rows["step"]), list[Spike]()
        if unread > 0:
            per_batch = -(-(done + part.skipped) // unread)
            self._updates_per_batch = max(self._updates_per_batch, per_batch)
        if part.is_new or not self._builders:
            self._begin_trace()
            groups = self._builders[-1].groups
            if len(self._builders) > 1 and groups != self._builders[-2].groups:
                self.epoch_logs, self._epoch_norms = EpochLogs(), []
        if done:
            batch = self._batch_numbers(done + part.skipped, at_least, at_most)
            of_rows = batch if not part.skipped else np.full(done, UNKNOWN)
            columns: Mapping[str, np.ndarray] = {
                **part.rows,
                "epoch": np.full(done, epoch),
                "batch": of_rows,
            }
            self._builders[-1].add(columns)
            spikes = self._finders[-1].add(columns)
            if self._keeps_norms:
                self._epoch_norms.append(part.rows["norm"])
        self.epoch_logs.add(part.rows, part.skipped, part.nonfinite)
        self._batches_read = at_most
        return Seen(part.dropped_in_a_row, spikes)

    def figures(self, of_groups: int) -> dict[str, float]:
        """Returns the epoch's entries, with those of some groups."""
        figures = self.epoch_logs.figures()
        if of_groups and self._builders:
            names = self._builders[-1].groups
            norms, clipped = self.epoch_logs.of_groups()
            if not set(self._told) <= set(names) or not self._told:
                # The same ones in each epoch, or their curves would be mixed.
                most = np.argsort(-clipped, kind="stable")[:of_groups]
                self._told = [names[i] for i in sorted(most)]
            for name in self._told:
                group = names.index(name)
                figures[f"grad_norm/{name}"] = float(norms[group])
                figures[f"clip_fraction/{name}"] = float(clipped[group])
        return figures

    def histograms(self) -> dict[str, np.ndarray]:
        """Returns the epoch's norms of each group by the name of a histogram."""
        if not self._epoch_norms:
            return {}
        norms = np.concatenate(self._epoch_norms)
        groups = self._builders[-1].groups
        return {f"norm/{name}": norms[:, i] for i, name in enumerate(groups)}

    def _begin_trace(self) -> None:
        watched = self.watched
        groups = watched.optimizer.clip_groups
        self._finders.append(SpikeFinder(groups, self._deviations, watched.name))
        self._builders.append(
            TraceBuilder(
                groups,
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
