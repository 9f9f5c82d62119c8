"""Ctrl-C, SIGTERM and a closed terminal end a run where it can be gone on with."""

import signal
import threading
from types import FrameType


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
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
