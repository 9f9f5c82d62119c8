"""What benchmarks of several workers share: one core for all, and their flags."""

import argparse
import os
from collections.abc import Collection


def add_arguments(
    parser: argparse.ArgumentParser, workers: Collection[str], seeds: int
) -> None:
    """Adds the flags that say which workers run, how often and where."""
    parser.add_argument("--seeds", type=int, default=seeds, metavar="N")
    parser.add_argument("--only", nargs="+", choices=workers, default=list(workers))
    parser.add_argument("--core", type=int, help="the one to run on; default: the last")
    parser.add_argument(
        "--cpu-time",
        action="store_true",
        help="by the processes' CPU time: for a machine in use",
    )
    parser.add_argument("--fresh", action="store_true", help="measure again")


def stay_on(core: int | None) -> None:
    """Keeps this process, and the workers that it starts, on one core.

    Args:
        core: Which; `None` for the last.
    """
    if hasattr(os, "sched_setaffinity"):
        chosen = max(os.sched_getaffinity(0)) if core is None else core
        os.sched_setaffinity(0, {chosen})
