"""What a monitor shows of what it gathered."""

from pathlib import Path
from typing import Any

from keras_gradclip.callbacks.gatherer import Gatherer
from keras_gradclip.callbacks.spikes import Spike
from keras_gradclip.callbacks.trace import Trace


class Shown:
    """The attributes of a `ClipMonitor` to look at, and what is made of them."""

    _gatherer: Gatherer

    @property
    def groups(self) -> tuple[str, ...]:
        recorders = self._gatherer.recorders
        if not recorders:
            raise ValueError(
                "`groups` is there once training has begun: pass this ClipMonitor "
                "to `fit` as a callback."
            )
        groups: tuple[str, ...] = recorders[-1].watched.optimizer.clip_groups
        return groups

    @property
    def trace(self) -> Trace:
        traces = [t for recorder in self._gatherer.recorders for t in recorder.traces]
        if not traces:
            raise ValueError("`trace` is there once an epoch has ended.")
        return traces[-1]

    @property
    def traces(self) -> list[Trace]:
        return self._gatherer.traces

    @property
    def spikes(self) -> list[Spike]:
        return self._gatherer.spikes

    def plot(self, path: str | Path, groups: Any = None, *, dark: bool = False) -> Path:
        """Draws each group's norm against its threshold over the steps.

        Needs matplotlib. For other pictures see `keras_gradclip.plotting`.

        Args:
            path: Where to write the picture; the suffix sets its format.
            groups: The names of the groups to draw. Defaults to `None`, the
                first six.
            dark: Whether the background is dark. Defaults to `False`.

        Returns:
            The path.
        """
        from keras_gradclip.plotting import plot_trace

        trace = self.trace
        return plot_trace(trace, trace.groups, path, groups, dark=dark)

    def report(self, path: str | Path, *, advice: bool = False) -> Path:
        """Writes one HTML file: the numbers in words, and pictures to explore.

        It needs neither matplotlib nor a network, and may be sent to others.

        Args:
            path: Where to write it.
            advice: Whether what `advise` says goes in; it takes some seconds.
                Defaults to `False`.

        Returns:
            The path.

        Raises:
            ValueError: If no epoch has ended yet.

        Example:

        ```python
        model.fit(x, y, callbacks=[monitor])
        monitor.report("run.html")
        ```
        """
        from keras_gradclip.advice import advise
        from keras_gradclip.report import write_report

        _ = self.trace  # raises if there is none
        pairs = [
            pair
            for recorder in self._gatherer.everyone
            for pair in zip(recorder.traces, recorder.spikes_of_traces)
        ]
        names = [f"{i + 1}. {t.name}".rstrip(". ") for i, (t, _) in enumerate(pairs)]
        runs = {name: trace for name, (trace, _) in zip(names, pairs)}
        return write_report(
            runs,
            path,
            spikes={name: spikes for name, (_, spikes) in zip(names, pairs)},
            advice={n: str(advise(t)) for n, t in runs.items()} if advice else None,
        )
