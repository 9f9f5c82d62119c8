"""What a monitor gathers of all the optimizers that it watches."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from warnings import warn

import numpy as np

from keras_gradclip.callbacks.alerts import words_of_dropped, words_of_spikes
from keras_gradclip.callbacks.outlets import Outlets
from keras_gradclip.callbacks.recorder import Recorder
from keras_gradclip.callbacks.spikes import Spike
from keras_gradclip.callbacks.trace import Trace


@dataclass(frozen=True)
class Wishes:
    """A monitor's arguments that say what is gathered and told."""

    prefix: str
    log_groups: int
    spike_deviations: float
    dropped_in_a_row: int
    max_steps: int


class Gatherer:
    """Reads the logs of optimizers in time, and tells what each epoch brought.

    Args:
        wishes: What is gathered.
        outlets: Where it goes besides the logs.
        sync: Brings values in before they are read.
    """

    def __init__(self, wishes: Wishes, outlets: Outlets, sync: Callable[[], None]):
        self._wishes, self._outlets, self._sync = wishes, outlets, sync
        self._watched: list[Recorder] = []
        self._earlier: list[Recorder] = []
        self._has_warned = False
        self._epoch = 0

    @property
    def recorders(self) -> list[Recorder]:
        """Those of the optimizers that are watched, the last one last."""
        return self._watched

    @property
    def everyone(self) -> list[Recorder]:
        """Those of all optimizers that ever were."""
        return self._earlier + self._watched

    @property
    def traces(self) -> list[Trace]:
        """Of all optimizers that ever were."""
        return [trace for recorder in self.everyone for trace in recorder.traces]

    @property
    def spikes(self) -> list[Spike]:
        """Of all optimizers that ever were."""
        return [spike for recorder in self.everyone for spike in recorder.spikes]

    def watch(self, optimizers: Mapping[str, Any]) -> None:
        """Goes on with optimizers that were watched before, begins with others."""
        everyone = self.everyone
        known = {id(recorder.watched.optimizer): recorder for recorder in everyone}
        self._watched = [
            known.get(id(optimizer)) or self._recorder(optimizer, name)
            for name, optimizer in optimizers.items()
        ]
        self._earlier = [r for r in everyone if r not in self._watched]

    def begin_epoch(self, epoch: int) -> None:
        self._sync()
        self._epoch = epoch
        for recorder in self._watched:
            recorder.begin_epoch()

    def look(self, batches: int, at_once: int) -> None:
        """Reads the logs that the next batches may overwrite."""
        due = [r for r in self._watched if r.is_due(batches, at_once)]
        if due:
            self._sync()
        for recorder in due:
            self._read(recorder, batches, batches)

    def end_epoch(self, at_least: int, at_most: int) -> dict[str, float]:
        """Returns the entries for the logs, and passes them on.

        Args:
            at_least: How many batches were trained on, at least.
            at_most: The same, at most.
        """
        self._sync()
        logs: dict[str, float] = {}
        histograms: dict[str, np.ndarray] = {}
        for recorder in self._watched:
            self._read(recorder, at_least, at_most)
            if not recorder.has_log:
                continue
            name = f"{recorder.watched.name}/" if len(self._watched) > 1 else ""
            figures = recorder.figures(self._wishes.log_groups)
            prefix = self._wishes.prefix + name
            logs.update({prefix + entry: value for entry, value in figures.items()})
            histograms.update(
                {prefix + entry: v for entry, v in recorder.histograms().items()}
            )
        self._outlets.tell(self._epoch, logs, histograms)
        return logs

    def _recorder(self, optimizer: Any, name: str) -> Recorder:
        return Recorder(
            optimizer,
            name,
            self._wishes.max_steps,
            self._wishes.spike_deviations,
            self._outlets.wants_histograms,
        )

    def _read(self, recorder: Recorder, at_least: int, at_most: int) -> None:
        seen = recorder.read(self._epoch, at_least, at_most)
        in_a_row = seen.dropped_in_a_row
        if in_a_row >= self._wishes.dropped_in_a_row and not self._has_warned:
            self._has_warned = True
            words = words_of_dropped(in_a_row, recorder.watched.name)
            self._outlets.alert(words)
            warn(words, stacklevel=2)
        if seen.spikes:
            self._outlets.alert(words_of_spikes(seen.spikes))
