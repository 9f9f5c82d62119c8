"""A callback that shows what clipping did."""

from pathlib import Path
from typing import Any
from warnings import warn

import keras
import numpy as np

from keras_gradclip._keras import model_of
from keras_gradclip.optimizers import find_clipped


class ClipMonitor(keras.callbacks.Callback):
    """Logs the effect of clipping per epoch and keeps a trace of every step.

    Use it with any model whose optimizer has a clipper. At the end of each
    epoch it adds four entries to the logs, which History, the progress bar,
    CSVLogger, TensorBoard, EarlyStopping and the like then see; place it
    before such callbacks in the list:

    - `grad_norm`: the mean norm of the whole gradient before clipping;
    - `clip_threshold`: the mean threshold, over steps and groups;
    - `clip_scale`: the mean factor applied, over steps and groups;
    - `clip_fraction`: the share of steps and groups with a scale below 1.

    Steps whose gradient held a NaN or inf do not enter the means; they are
    in the trace, with a norm of inf. Thresholds of inf, which a rule has
    before it has seen anything, do not enter either.

    The trace is read from the optimizer's own log, every few hundred steps
    and at the end of each epoch: nothing is read from the device per batch.

    Attributes:
        groups: The names of the groups.
        trace: A dict of NumPy arrays, as `optimizer.clip_history` returns
            it: `"step"`, `"grad_norm"`, `"grad_norm_clipped"`, shape
            `(steps,)`, and `"norm"`, `"threshold"`, `"scale"`, shape
            `(steps, groups)`, of all steps since this callback first saw
            training.

    Raises:
        ValueError: When training begins and the optimizer has no clipper.

    Example:

    ```python
    monitor = ClipMonitor()
    model.fit(x, y, epochs=3, callbacks=[monitor])
    monitor.plot("clipping.png")
    ```
    """

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[dict[str, np.ndarray]] = []
        self._optimizer: Any = None
        self._next_step: int | None = None
        self._epoch_start = 0
        self._batches_read = 0

    @property
    def groups(self) -> tuple[str, ...]:
        if self._optimizer is None:
            raise ValueError(
                "`groups` is there once training has begun: pass this ClipMonitor "
                "to `fit` as a callback."
            )
        return self._optimizer.clip_groups

    @property
    def trace(self) -> dict[str, np.ndarray]:
        if not self._parts:
            raise ValueError("`trace` is there once an epoch has ended.")
        if len(self._parts) > 1:
            joined = {
                name: np.concatenate([part[name] for part in self._parts])
                for name in self._parts[0]
            }
            self._parts = [joined]
        return self._parts[0]

    def on_train_begin(self, logs: Any = None) -> None:
        self._optimizer = find_clipped(self.model.optimizer)
        if self._optimizer is None:
            raise ValueError(
                "ClipMonitor needs an optimizer with a clipper, such as "
                "keras_gradclip.optimizers.Adam(clipper='autoclip'). Received: "
                f"model.optimizer={self.model.optimizer!r}"
            )
        self._next_step = None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._batches_read = 0
        if self._next_step is None:
            # Not earlier: other callbacks restore a backup when training
            # begins.
            self._sync()
            iterations = keras.ops.convert_to_numpy(self._optimizer.iterations)
            self._next_step = int(iterations)
        self._epoch_start = self._next_step

    # The hook at the start of a batch, since Keras runs those at the end in
    # a thread of their own, beside the next step, if it can.
    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        if batch == 0 or self._optimizer.clip_state is None:
            return
        at_once = getattr(model_of(self), "steps_per_execution", 1)
        unread = batch - self._batches_read
        if unread + at_once > self._optimizer.clip_state.log.length:
            self._read()
            self._batches_read = batch

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._read()
        if logs is not None:
            logs.update(self._means_since(self._epoch_start))

    def plot(self, path: str | Path, groups: Any = None) -> Path:
        """Draws each group's norm against its threshold over the steps.

        Needs matplotlib.

        Args:
            path: Where to write the picture; the suffix sets its format.
            groups: The names of the groups to draw. Defaults to `None`, the
                first six.

        Returns:
            The path.
        """
        from keras_gradclip.plotting import plot_trace

        return plot_trace(self.trace, self.groups, path, groups)

    def _read(self) -> None:
        if self._optimizer.clip_state is None:
            return
        self._sync()
        part = self._optimizer.clip_history(since=self._next_step)
        steps = part["step"]
        if not len(steps):
            return
        if steps[0] > self._next_step:
            warn(
                f"ClipMonitor lost steps {self._next_step} to {steps[0] - 1}: "
                "the optimizer's log holds "
                f"{self._optimizer.clip_state.log.length} steps, fewer than "
                "`steps_per_execution`.",
                stacklevel=2,
            )
        self._next_step = int(steps[-1]) + 1
        self._parts.append(part)

    def _sync(self) -> None:
        """Brings the values in: on JAX, Keras does so where `model` is read."""
        _ = self.model

    def _means_since(self, step: int) -> dict[str, float]:
        if not self._parts:
            return {}
        trace = self.trace
        steps = trace["step"] >= step
        norms, thresholds, scales = (
            trace[name][steps].astype("float64")
            for name in ("norm", "threshold", "scale")
        )
        finite = np.isfinite(norms).all(axis=1)
        whole = trace["grad_norm"][steps][finite].astype("float64")
        thresholds, scales = thresholds[finite], scales[finite]
        return {
            "grad_norm": _mean(whole),
            "clip_threshold": _mean(thresholds[np.isfinite(thresholds)]),
            "clip_scale": _mean(scales, otherwise=1.0),
            "clip_fraction": _mean(scales < 1.0, otherwise=0.0),
        }


def _mean(values: np.ndarray, otherwise: float = float("inf")) -> float:
    return float(np.mean(values)) if values.size else otherwise
