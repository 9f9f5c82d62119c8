"""What the workers of `dqn_speed.py` share: the recipe, and stopwatches.

Only the standard library is imported here, because the peers' environment has
neither this package nor TensorFlow.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Sequence
from functools import wraps
from importlib.metadata import version
from typing import Any

ENV_ID = "CartPole-v1"
TOTAL_STEPS = 50_000
LEARNING_STARTS = 1_000
BLOCK_STEPS, BLOCK_UPDATES = 256, 128
BATCH_SIZE = 64
HIDDEN_SIZES = (256, 256)
EPISODES = 100
EVAL_SEED = 10_000
"""First environment seed of the final episodes, where the worker may choose."""


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

    def __init__(self, owner: type, name: str, clock: Clock):
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


def parse(description: str) -> argparse.Namespace:
    """A worker's command line, of which `dqn_speed.py` is the author."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--who", required=True, help="row of the table")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument(
        "--started", type=float, help="time.monotonic() at start; without: CPU time"
    )
    options = parser.parse_args()
    options.clock = Clock(options.started)
    return options


def figures(
    clock: Clock, loop: Stopwatch, block: Stopwatch, steps: int
) -> dict[str, float]:
    """The speeds of a training loop.

    Args:
        clock: What the stopwatches read; now, when all is done.
        loop: The call that trains.
        block: The calls of `BLOCK_UPDATES` updates each; the first one compiles.
        steps: Environment steps taken.
    """
    updates = BLOCK_UPDATES * len(block.times)
    warm = block.seconds - block.times[0]
    # The loop as it would be if the first block took what the others take.
    warm_loop = loop.seconds - block.times[0] + warm / (len(block.times) - 1)
    return {
        "steps": steps,
        "updates": updates,
        "seconds": clock(),
        "loop seconds": loop.seconds,
        "first block seconds": block.times[0],
        "steps/s": steps / loop.seconds,
        "steps/s warm": steps / warm_loop,
        "steps/s with start-up": steps / loop.ended,
        "updates/s": updates / block.seconds,
        "updates/s warm": (updates - BLOCK_UPDATES) / warm,
    }


def tell(
    options: argparse.Namespace, packages: Sequence[str], results: dict[str, Any]
) -> None:
    """Prints a run as the last line of the worker's output."""
    run = {
        "who": options.who,
        "seed": options.seed,
        **{k: round(v, 4) if isinstance(v, float) else v for k, v in results.items()},
        "clock": options.clock.name,
        "load": round(os.getloadavg()[0], 1),
        "machine": f"{os.cpu_count()} CPU cores ({platform.machine()})",
        "python": platform.python_version(),
        "versions": {name: version(name) for name in packages},
    }
    print(json.dumps(run), flush=True)
