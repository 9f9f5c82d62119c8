"""Where an epoch's entries go besides the logs of `fit`."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_gradclip._backend import backend
from keras_gradclip.callbacks.writers import TensorBoardWriter


class Outlets:
    """A user's functions and files; of several processes only the first's.

    Args:
        on_log: Gets the entries of each epoch, or None.
        on_alert: Gets what is wrong, in words, or None.
        log_dir: A folder for TensorBoard, or None.
    """

    def __init__(
        self,
        on_log: Callable[[dict[str, float]], Any] | None,
        on_alert: Callable[[str], Any] | None,
        log_dir: str | Path | None,
    ):
        self._on_log, self._on_alert = on_log, on_alert
        self._writer = None if log_dir is None else TensorBoardWriter(log_dir)

    @property
    def wants_histograms(self) -> bool:
        """Whether every norm of an epoch is to be kept until its end."""
        return self._writer is not None

    def tell(
        self,
        epoch: int,
        logs: Mapping[str, float],
        histograms: Mapping[str, np.ndarray],
    ) -> None:
        """Passes on an epoch's entries."""
        if not backend.is_first_process():
            return
        if self._writer is not None:
            self._writer.write(epoch, logs, histograms)
        if self._on_log is not None:
            self._on_log(dict(logs))

    def alert(self, words: str) -> None:
        """Passes on what is wrong."""
        if self._on_alert is not None and backend.is_first_process():
            self._on_alert(words)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
