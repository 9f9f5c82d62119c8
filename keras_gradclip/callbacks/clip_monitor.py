"""A callback that shows what clipping did."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras

from keras_gradclip._keras import model_of
from keras_gradclip.callbacks.gatherer import Gatherer, Wishes
from keras_gradclip.callbacks.naming import named
from keras_gradclip.callbacks.outlets import Outlets
from keras_gradclip.callbacks.shown import Shown
from keras_gradclip.optimizers.reading import find_all_clipped


class ClipMonitor(Shown, keras.callbacks.Callback):
    """Logs the effect of clipping per epoch and keeps a trace of every step.

    Use it with any model whose optimizer has a clipper, or with optimizers
    of a loop of your own. At the end of each epoch it adds these entries to
    the logs, which History, the progress bar, CSVLogger, TensorBoard,
    EarlyStopping and the like then see; place it before such callbacks in
    the list:

    - `grad_norm`: the mean norm of the whole gradient before clipping;
    - `grad_norm_clipped`: the same after clipping;
    - `grad_norm_p50`, `grad_norm_p90`, `grad_norm_p99`: percentiles of the
      norm of the whole gradient before clipping;
    - `clip_threshold`: the mean threshold, over steps and groups;
    - `clip_scale`: the mean factor applied, over steps and groups;
    - `clip_fraction`: the share of steps and groups with a scale below 1;
    - `clip_nonfinite`: the number of steps whose gradient held a NaN or an
      inf: they were dropped, unless the clipper has
      `on_nonfinite="propagate"`.

    A dropped step counts as one with a scale of 0, so that `clip_scale` is 0
    and `clip_fraction` 1 where all were dropped; the other means leave it
    out. With `on_nonfinite="zero"` such a step is in the trace, with a norm
    of inf; with `"skip"` it is counted only, since no update took place, and so
    is a spike that `SkipSpikes` skips, which is no part of `clip_nonfinite`. What
    a `LossScaleOptimizer` drops never reaches the clipper, and is not counted.
    Thresholds of inf, which a rule has before it has seen anything, do not
    enter the means.

    The figures are those of the epoch's own steps, and of the fit's, however
    often one monitor is used. Of several optimizers, as the members of a
    `MultiOptimizer`, each has its entries, as `<name>/grad_norm`.

    The trace is read from the optimizer's own log, every few hundred steps
    and at the end of each epoch: nothing is read from the device per batch. Of
    several processes only the first writes files and calls `on_log` and
    `on_alert`; all have the logs and the trace.

    Args:
        optimizer: A clipped optimizer to watch instead of the model's, or
            one that holds some, or several: a list, or a dict of names and
            optimizers. Defaults to `None`, the optimizer of the model that is
            trained.
        prefix: What goes before the names of all entries, such as `"train/"`.
            Defaults to `""`.
        log_groups: Int >= 0. Log `grad_norm/<group>` and
            `clip_fraction/<group>` as well, for so many groups: those clipped
            most often in the first epoch, and the same ones ever after.
            Defaults to 0.
        spike_deviations: Number > 0. A norm of a group so many robust
            deviations above the running median is a spike. Defaults to 20.
        dropped_in_a_row: Int >= 1. Warn, once, when so many steps in a row
            were dropped. Defaults to 20.
        on_log: A function that gets the entries of each epoch, a dict, as
            loggers take them. Defaults to `None`.
        on_alert: A function that gets a string: of spikes, at most once for
            each look at the log, and of many dropped steps. Defaults to
            `None`: dropped steps are warned of, spikes kept in `spikes`.
        log_dir: A folder for TensorBoard: the entries, and a histogram of each
            group's norms for each epoch. Needs the package `tensorboard`, and
            TensorFlow on no backend. Defaults to `None`, no files.
        max_steps: Int >= 2. How many rows a trace may have: when there are
            more, every second one is left out. A row takes 12 bytes a group.
            Defaults to 100,000.

    Attributes:
        groups: The names of the groups.
        trace: The `Trace` of the optimizer that was watched last.
        traces: A list of all traces. With another optimizer or clipper, and
            where training goes back to an earlier step, a new one begins.
        spikes: A list of `Spike`: step, group, factor, epoch and batch of
            norms that stood out; the 1,000 largest of each trace.

    Raises:
        ValueError: When training begins and the optimizer has no clipper.

    Examples:

    ```python
    monitor = ClipMonitor()
    model.fit(x, y, epochs=3, callbacks=[monitor])
    monitor.plot("clipping.png")
    monitor.report("clipping.html")
    ```

    In a loop of your own:

    ```python
    monitor = ClipMonitor({"generator": one, "discriminator": other})
    for epoch in range(3):
        with monitor.epoch() as logs:
            for batch in batches:
                train_both(batch)
                monitor.update()
        print(logs["generator/clip_fraction"])
    ```
    """

    def __init__(
        self,
        optimizer: Any = None,
        *,
        prefix: str = "",
        log_groups: int = 0,
        spike_deviations: float = 20.0,
        dropped_in_a_row: int = 20,
        on_log: Callable[[dict[str, float]], Any] | None = None,
        on_alert: Callable[[str], Any] | None = None,
        log_dir: str | Path | None = None,
        max_steps: int = 100_000,
    ) -> None:
        super().__init__()
        _check_count("dropped_in_a_row", dropped_in_a_row, 1)
        _check_count("log_groups", log_groups, 0)
        if not isinstance(spike_deviations, (int, float)) or not spike_deviations > 0:
            raise ValueError(
                "`spike_deviations` must be a number above 0. Received: "
                f"spike_deviations={spike_deviations!r}"
            )
        _check_count("max_steps", max_steps, 2)
        wishes = Wishes(
            prefix, log_groups, float(spike_deviations), dropped_in_a_row, max_steps
        )
        self._outlets = Outlets(on_log, on_alert, log_dir)
        self._gatherer = Gatherer(wishes, self._outlets, self._sync)
        self._given = optimizer is not None
        self._next_epoch, self._batches, self._in_epoch = 0, 0, False
        if self._given:
            self._gatherer.watch(named(optimizer))

    # In `fit`.

    def on_train_begin(self, logs: Any = None) -> None:
        if not self._given:
            found = find_all_clipped(self.model.optimizer)
            if not found:
                raise ValueError(
                    "ClipMonitor needs an optimizer with a clipper, such as "
                    "keras_gradclip.optimizers.Adam(clipper='autoclip'). Received: "
                    f"model.optimizer={self.model.optimizer!r}"
                )
            self._gatherer.watch(named(found))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        # Not when training begins: other callbacks restore a backup then.
        self._begin_epoch(epoch)

    # The hook at the start of a batch, since Keras runs those at the end in
    # a thread of their own, beside the next step, if it can.
    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        at_once = getattr(model_of(self), "steps_per_execution", 1)
        self._gatherer.look(batch, at_once)
        self._batches = batch + at_once

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        figures = self._end_epoch()
        if logs is not None:
            logs.update(figures)

    def on_train_end(self, logs: Any = None) -> None:
        self._outlets.close()

    # In a loop of your own.

    def update(self, batches: int = 1) -> None:
        """Tells that batches were trained on; call it after each of them.

        Reads from the device only when the optimizers' logs are about to be
        full, so that it costs nothing to call it often.

        Args:
            batches: Int >= 1. How many there were since the last call, if
                several were trained on at once. Defaults to 1.
        """
        if not self._in_epoch:
            self._begin_epoch(self._next_epoch)
        self._batches += batches
        self._gatherer.look(self._batches, batches)

    @contextmanager
    def epoch(self) -> Iterator[dict[str, float]]:
        """Gathers an epoch of a loop of your own.

        Yields:
            A dict, which holds the entries for the logs afterwards.
        """
        logs: dict[str, float] = {}
        self._begin_epoch(self._next_epoch)
        yield logs
        logs.update(self._end_epoch())

    def _begin_epoch(self, epoch: int) -> None:
        self._gatherer.begin_epoch(epoch)
        self._next_epoch = epoch + 1
        self._batches, self._in_epoch = 0, True

    def _end_epoch(self) -> dict[str, float]:
        self._in_epoch = False
        # The number of batches that ran together may not be known.
        at_once = getattr(model_of(self), "steps_per_execution", 1)
        return self._gatherer.end_epoch(self._batches - at_once + 1, self._batches)

    def _sync(self) -> None:
        """Brings the values in: on JAX, Keras does so where `model` is read."""
        if model_of(self) is not None:
            _ = self.model


def _check_count(name: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(
            f"`{name}` must be an integer of at least {least}. Received: "
            f"{name}={value!r}"
        )
