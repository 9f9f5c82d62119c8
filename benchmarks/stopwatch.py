"""Times the methods of a program from outside, without changing it.

Only the standard library is imported here, because the peers' environment has
neither this package nor TensorFlow.
"""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any


class Clock:
    """Seconds since the process began, by the wall or by what it computed.

    Args:
        started: `time.monotonic()` when the process began. None is for the
            CPU time of the process, which others on the same core do not stretch.
    """

    def __init__(self, started: float | None):
        self.started = started
        self.name = "CPU" if started is None else "wall"

    def __call__(self) -> float:
        if self.started is None:
            return time.process_time()
        # On Linux this clock is the same in all processes.
        return time.monotonic() - self.started


class Stopwatch:
    """The seconds of each call of a method of some class, from now on.

    Args:
        owner: The class; its method is replaced by one that is timed.
        name: The method's name.
        clock: What it reads.
    """

    def __init__(self, owner: type, name: str, clock: Callable[[], float]):
        method = getattr(owner, name, None)
        self.what = f"{owner.__name__}.{name}"
        if method is None:
            raise SystemExit(f"There is no {self.what} any more to be timed.")
        self.times: list[float] = []
        self.last: tuple[Any, ...] = ()
        """The arguments of the last call, the object among them."""
        self.ended = 0.0
        """When the last call ended, by the clock."""

        @wraps(method)
        def timed(*args: Any, **kwargs: Any) -> Any:
            self.last = args
            began = clock()
            try:
                return method(*args, **kwargs)
            finally:
                self.ended = clock()
                self.times.append(self.ended - began)

        setattr(owner, name, timed)

    @property
    def seconds(self) -> float:
        """Seconds in all calls together.

        Raises:
            SystemExit: If there was none, so that the method is not what it was.
        """
        if not self.times:
            raise SystemExit(f"{self.what} was never called.")
        return sum(self.times)
