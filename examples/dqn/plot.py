"""Compares runs in one picture: `python -m examples.dqn.plot --help`."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from examples.dqn.runs.comparison import METRICS, compare_runs
from examples.dqn.settings.command_line import parse_words, run_reporting
from examples.dqn.settings.ranges import OneOf, check_ranges


@dataclass(frozen=True)
class Plot:
    """Compare runs in one picture.

    Runs that differ in nothing but the seed become one curve: the interquartile
    mean over the seeds, of fewer than four their plain mean, with a 95 % bootstrap
    band.
    """

    runs: Annotated[
        tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="RUN...")
    ]
    """Folders of runs, or folders of several runs as --seeds makes them."""

    metric: Annotated[str, OneOf(tuple(METRICS))] = "greedy_return"
    """Column of metrics.csv to draw."""

    output: Path = Path("comparison.png")
    """The PNG to write."""

    def __post_init__(self) -> None:
        check_ranges(self)


def main(settings: Plot) -> None:
    """Draws what is asked for, and tells the last value of each curve."""
    for label, steps, values in compare_runs(
        settings.output, settings.runs, settings.metric
    ):
        last = values[:, -1]
        mean = " on average" if len(last) > 1 else ""
        print(f"{label}: {last.mean():.4g} at step {steps[-1]:,.0f}{mean}")
    print(settings.output)


def run_command(arguments: list[str] | None = None) -> int:
    """Runs `main` as a command and returns its exit code."""
    return run_reporting(lambda: main(parse_words(Plot, "plot", arguments)))


if __name__ == "__main__":
    sys.exit(run_command())
