"""Ctrl-C and SIGTERM end a run where it can be gone on with."""

import signal
from types import FrameType


class Interrupt:
    """While in its context, a signal is noted instead of ending the process.

    A second one ends it at once.
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.name: str | None = None
        """The signal that came, None if none has."""

    def __enter__(self) -> "Interrupt":
        self._before = {number: signal.getsignal(number) for number in self.SIGNALS}
        for number in self.SIGNALS:
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
