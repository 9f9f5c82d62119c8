"""Compares runs in one picture: `python -m examples.dqn.plot --help`."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from examples.dqn.errors import ConfigError
from examples.dqn.runs.comparison import METRICS, compare_runs
from examples.dqn.settings.command_line import parse_words, run_reporting


@dataclass(frozen=True)
class Plot:
    """Compare runs in one picture.

    Runs that differ in nothing but the seed become one curve: the interquartile
    mean over the seeds, with a 95 % bootstrap band.
    """

    runs: Annotated[
        tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="RUN...")
    ]
    """Folders of runs, or folders of several runs as --seeds makes them."""

    metric: str = "greedy_return"
    """Column of metrics.csv to draw: greedy_return, mean_return, loss, norm,
    threshold, clip_fraction, epsilon, episodes or updates."""

    output: Path = Path("comparison.png")
    """The PNG to write."""

    def __post_init__(self) -> None:
        if self.metric not in METRICS:
            raise ConfigError(
                f"metric must be one of {', '.join(METRICS)}. "
                f"Received: metric={self.metric!r}"
            )


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
