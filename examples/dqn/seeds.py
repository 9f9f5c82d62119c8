"""Several seeds of one configuration side by side, each a process of its own."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from examples.dqn.command_line import flags_of
from examples.dqn.config import Config
from examples.dqn.errors import ConfigError, RunError
from examples.dqn.interrupt import Interrupt
from examples.dqn.run_folder import make_run_folder

ROOT = Path(__file__).parents[2]
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
    handed on, upon which each seed saves its checkpoint and ends.

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
    print(f"{len(seeds)} seeds in {folder}", flush=True)
    waiting = [Seed(config, seed, folder) for seed in seeds]
    jobs = jobs or os.cpu_count() or 1
    running: list[Seed] = []
    ended: list[Seed] = []
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
    failed = [str(run.seed) for run in ended if run.failed]
    if failed:
        raise RunError(
            f"{len(failed)} of {len(seeds)} seeds failed: {', '.join(failed)}"
        )
    return [run.result for run in ended if run.result]


class Seed:
    """One seed as a process, whose output goes to a file.

    Args:
        config: Of all seeds.
        seed: Which it is.
        folder: The common one.
    """

    def __init__(self, config: Config, seed: int, folder: Path):
        self.seed = seed
        self.folder = folder / f"seed-{seed}"
        self.log = folder / f"seed-{seed}.log"
        self.result: dict[str, Any] | None = None
        """What it came to, if it went to its end."""
        self._total_steps = config.total_steps
        self._config = replace(config, seed=seed, run_folder=self.folder.absolute())
        self._interrupted = False

    def start(self) -> None:
        """Starts the process."""
        command = [sys.executable, "-m", "examples.dqn.train", *flags_of(self._config)]
        with self.log.open("w") as log:
            # In a session of its own: a Ctrl-C of the terminal reaches us alone,
            # and each process gets it from us, once.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=ROOT,
            )

    def interrupt(self) -> None:
        """Lets it save and end."""
        if self._process.poll() is None:
            self._interrupted = True
            self._process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """Ends it at once."""
        self._process.kill()
        self._process.wait()

    def has_ended(self) -> bool:
        """Whether it has; then its result is there, if it has one."""
        if self._process.poll() is None:
            return False
        path = self.folder / "result.json"
        if self._process.returncode == 0 and path.exists():
            result = json.loads(path.read_text())
            if result["step"] >= self._total_steps:
                self.result = result
        return True

    @property
    def failed(self) -> bool:
        """Whether it ended early, and not because we wanted it to."""
        return self.result is None and not self._interrupted

    def outcome(self) -> str:
        """What became of it, in one line."""
        if self.result:
            return (
                f"seed {self.seed}: mean return {self.result['score']:.1f}, last "
                f"weights {self.result['last_score']:.1f}, "
                f"{self.result['seconds']:.0f} s"
            )
        if not self._interrupted:
            said = self.log.read_text(errors="replace").strip() or "no output"
            reason = said.splitlines()[-1].removeprefix("error: ")
            return f"seed {self.seed}: failed ({reason.strip()}), see {self.log}"
        if any(self.folder.glob("checkpoints/*.ckpt")):
            return f"seed {self.seed}: stopped and saved, --resume {self.folder}"
        return f"seed {self.seed}: stopped before its first checkpoint"

    def done(self) -> float:
        """Part of the environment steps taken, in [0, 1]."""
        try:
            with (self.folder / "metrics.csv").open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - 500))
                last = file.read().decode().splitlines()[-1]
            return int(last.partition(",")[0]) / self._total_steps
        except (OSError, ValueError, IndexError):  # nothing written yet
            return 0.0


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
    from examples.dqn.plot import compare_runs

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
