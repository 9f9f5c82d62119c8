"""Files for TensorBoard, whatever the backend."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


class TensorBoardWriter:
    """Writes scalars and histograms with the package `tensorboard`.

    It needs no TensorFlow. The file is made with the first thing written.

    Args:
        log_dir: The folder; `tensorboard --logdir` is given it, or one above.

    Raises:
        ImportError: If `tensorboard` is missing.
    """

    def __init__(self, log_dir: str | Path):
        try:
            import tensorboard.plugins.histogram.summary_v2 as histogram
            import tensorboard.plugins.scalar.summary_v2 as scalar
        except ImportError as error:
            raise ImportError(
                "`log_dir` needs TensorBoard: pip install tensorboard"
            ) from error
        self._log_dir = str(log_dir)
        self._writer: Any = None
        self._scalar, self._histogram = scalar.scalar_pb, histogram.histogram_pb

    def write(
        self,
        step: int,
        scalars: Mapping[str, float],
        histograms: Mapping[str, np.ndarray],
    ) -> None:
        """Writes what is finite, and sees to it that it is on the disk."""
        for name, value in scalars.items():
            if np.isfinite(value):
                self._add(self._scalar(name, float(value)), step)
        for name, values in histograms.items():
            finite = values[np.isfinite(values)]
            if finite.size:
                self._add(self._histogram(name, finite, buckets=30), step)
        if self._writer is not None:
            self._writer.flush()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer = None

    def _add(self, summary: Any, step: int) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        if self._writer is None:
            self._writer = EventFileWriter(self._log_dir)
        event = Event(wall_time=time.time(), step=step, summary=summary)
        self._writer.add_event(event)
