"""Several seeds of one configuration side by side, each a process of its own."""

import json
import os
import re
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from examples.dqn.errors import ConfigError, RunError
from examples.dqn.runs.folder import held, make_run_folder, read_config, write_config
from examples.dqn.runs.interrupt import Interrupt
from examples.dqn.runs.seed_process import Seed
from examples.dqn.settings.config import Config

SEEDS = "seeds.json"
# Between two looks at the processes.
SECONDS = 0.3


def parse_seeds(text: str) -> list[int]:
    """The seeds that `0..9`, `0,3,5` or `7` means.

    Raises:
        ConfigError: If it means none.
    """
    seeds: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:\.\.(\d+))?\s*", part, re.ASCII)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if first > last or last - first >= 10_000:
            raise ConfigError(
                "seeds must be like 0..9, which is from 0 to 9, like 0,3,5 or like 7, "
                "and at most 10,000. "
                f"Received: seeds={text!r}"
            )
        seeds += range(first, last + 1)
    return list(dict.fromkeys(seeds))


def train_seeds(
    config: Config, seeds: Sequence[int], jobs: int | None = None
) -> list[dict[str, Any]]:
    """Trains each seed in a folder below a common one, and compares them.

    A seed that fails is told and leaves the others alone. SIGINT and SIGTERM are
    handed on, upon which each seed saves its checkpoint and ends; `resume_seeds`
    goes on with them.

    Args:
        config: Of all of them, but for seed and folder.
        seeds: Which.
        jobs: How many at a time; None is one per CPU core.

    Returns:
        The `result.json` of each seed that went to its end.

    Raises:
        ConfigError: If there can be no such folder.
        RunError: If a seed fails, after the others have ended.
    """
    folder = make_run_folder(config, f"seeds{len(seeds)}")
    with held(folder):
        write_config(folder, config)
        (folder / SEEDS).write_text(json.dumps(list(seeds)) + "\n")
        print(f"{len(seeds)} seeds in {folder}", flush=True)
        return _train(config, seeds, folder, jobs)


def has_seeds(folder: Path) -> bool:
    """Whether a folder is that of several seeds."""
    return (folder / SEEDS).is_file()


def resume_seeds(
    folder: Path,
    jobs: int | None = None,
    machine: Mapping[str, Any] | None = None,
    total_steps: int | None = None,
) -> list[dict[str, Any]]:
    """Goes on with those seeds of a folder that have not gone to their end.

    Args:
        folder: The common one.
        jobs: As for `train_seeds`.
        machine: Settings that say where to train now.
        total_steps: Where they are to end now; None is where they were to.

    Returns:
        As `train_seeds`, and raises what it raises.
    """
    config = replace(read_config(folder), **(machine or {}))
    if total_steps is not None:
        config = replace(config, total_steps=total_steps)
    try:
        seeds = json.loads((folder / SEEDS).read_text())
        if not seeds or any(type(seed) is not int for seed in seeds):
            raise TypeError("it has no numbers")
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"resume must be the folder of a run, with a {SEEDS} that can be read "
            f"({error}). Received: resume={folder}"
        ) from error
    with held(folder):
        print(f"resumes {len(seeds)} seeds in {folder}", flush=True)
        if total_steps is not None:
            write_config(folder, config)
        return _train(config, seeds, folder, jobs)


def _train(
    config: Config, seeds: Sequence[int], folder: Path, jobs: int | None
) -> list[dict[str, Any]]:
    """Trains what has not been trained yet."""
    runs = [Seed(config, seed, folder) for seed in seeds]
    waiting, ended = [r for r in runs if not r.result], [r for r in runs if r.result]
    running: list[Seed] = []
    jobs = jobs or os.cpu_count() or 1
    stopping = False
    line = _Line()
    try:
        with Interrupt() as interrupt:
            while running or waiting:
                if interrupt.name and not stopping:
                    line.tell(f"{interrupt.name}: the seeds save and end")
                    stopping = True
                    waiting.clear()
                    for run in running:
                        run.interrupt()
                while waiting and len(running) < jobs:
                    running.append(waiting.pop(0))
                    running[-1].start()
                time.sleep(SECONDS)
                for run in running:
                    if run.has_ended():
                        ended.append(run)
                        line.tell(run.outcome())
                running = [run for run in running if run not in ended]
                line.show(len(ended), len(seeds), running)
    finally:
        # Only those that a second signal leaves behind.
        for run in running:
            run.kill()
    ended.sort(key=lambda run: run.seed)
    whole = [run for run in ended if run.result]
    if whole:
        _summarize(folder, whole)
    if stopping:
        print(f"--resume {folder} goes on with all of them")
    failed = [str(run.seed) for run in ended if run.failed]
    if failed:
        raise RunError(
            f"{len(failed)} of {len(seeds)} seeds failed: {', '.join(failed)}"
        )
    return [run.result for run in ended if run.result]


class _Line:
    """The line that tells how far the seeds are, on terminals alone."""

    def __init__(self) -> None:
        self._terminal = sys.stdout.isatty()

    def show(self, ended: int, total: int, running: Sequence[Seed]) -> None:
        if self._terminal and running:
            parts = [f"{run.seed}: {run.done():.0%}" for run in running]
            text = f"{ended} of {total} ended  {'  '.join(parts)}"
            width = shutil.get_terminal_size().columns - 1
            print(f"\r{text[:width]}\x1b[K", end="", flush=True)

    def tell(self, text: str) -> None:
        """Prints a line to stay, in the place of the other."""
        print(f"\r\x1b[K{text}" if self._terminal else text, flush=True)


def _summarize(folder: Path, seeds: Sequence[Seed]) -> None:
    """Tells mean and spread of seeds that went to their end, and draws them."""
    # Imported here so that bad arguments do not wait for Matplotlib.
    from examples.dqn.runs.comparison import compare_runs

    scores, last = (
        np.array([run.result[name] for run in seeds if run.result])
        for name in ("score", "last_score")
    )
    spread = f", standard deviation {scores.std(ddof=1):.1f}" if len(scores) > 1 else ""
    print(
        f"mean of {len(scores)} seeds {scores.mean():.1f}{spread}, min "
        f"{scores.min():.1f}, max {scores.max():.1f}; last weights {last.mean():.1f}"
    )
    path = folder / "comparison.png"
    try:
        compare_runs(path, [run.folder for run in seeds], "greedy_return")
        print(path)
    except ConfigError as error:  # too few steps for a greedy evaluation
        print(f"no {path.name}: {error}")
