"""What the rows of the table share: the recipe, and what a run tells.

Only the standard library is imported here, because the peers' environment has
neither this package nor TensorFlow.
"""

import argparse
import json
import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from benchmarks.stopwatch import Clock, Stopwatch

ENV_ID = "CartPole-v1"
TOTAL_STEPS = 50_000
LEARNING_STARTS = 1_000
BLOCK_STEPS, BLOCK_UPDATES = 256, 128
BATCH_SIZE = 64
HIDDEN_SIZES = (256, 256)
EPISODES = 100
EVAL_SEED = 10_000
"""First environment seed of the final episodes, where the worker may choose."""


def parse(description: str) -> argparse.Namespace:
    """A worker's command line, of which `__main__.py` is the author."""
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
