"""Ctrl-C, SIGTERM and a closed terminal end a run where it can be gone on with."""

import signal
import threading
import time
from types import FrameType

PATIENCE = 2.0
"""Seconds that a signal waits for the end of a cycle or of an evaluation."""


class Interrupt:
    """While in its context, a signal is noted instead of ending the process.

    A second one ends it at once.
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM)
    # Of a terminal that is closed; Windows has none.
    HANG_UP = getattr(signal, "SIGHUP", None)

    def __init__(self) -> None:
        self.name: str | None = None
        """The signal that came, None if none has."""
        self._heard_at = 0.0

    def waits(self, seconds: float | None = None) -> bool:
        """Whether a signal has been waiting for so long; None is `PATIENCE`.

        What soon comes to a good end may do so; what takes long is to be left.
        """
        if self.name is None:
            return False
        patience = PATIENCE if seconds is None else seconds
        return time.monotonic() - self._heard_at >= patience

    def __enter__(self) -> "Interrupt":
        # Python lets the main thread alone take signals; others run without.
        is_main = threading.current_thread() is threading.main_thread()
        numbers = list(self.SIGNALS) if is_main else []
        # A run under nohup outlives its terminal.
        if (
            is_main
            and self.HANG_UP
            and signal.getsignal(self.HANG_UP) != signal.SIG_IGN
        ):
            numbers.append(self.HANG_UP)
        self._before = {number: signal.getsignal(number) for number in numbers}
        for number in numbers:
            signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    def _note(self, number: int, _: FrameType | None) -> None:
        self.name = signal.Signals(number).name
        self._heard_at = time.monotonic()
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
