"""The page that the score files make."""

import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np

from benchmarks.dqn_learning.tasks import SEEDS, TASKS, Task

Runs = Sequence[dict[str, Any]]

PACKAGES = ("tensorflow", "keras", "gymnasium", "numpy")


def reported(runs: Runs) -> Runs:
    """The runs of the seeds that are reported, or of others if there are none yet."""
    return [run for run in runs if run["seed"] in SEEDS] or runs


def page(runs_of: Mapping[Task, Runs]) -> str:
    """The whole page."""
    measured = {task: runs for task, runs in runs_of.items() if runs}
    missing = [task.name for task in TASKS if task not in measured]
    rows = "\n".join(_row(task, runs) for task, runs in measured.items())
    details = "\n\n".join(_details(task, runs) for task, runs in measured.items())
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"""# What the DQN example learns

![Learning curves](dqn_learning.png)

Mean return of 100 greedy episodes **of the last weights**, with nothing chosen but by
the tuning seeds; beside it the same of the weights that did best in the greedy
evaluations during training.

| environment | steps | seeds | last weights | worst seed | bar | best weights | \
published | s | CPU s |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
{rows}
{_missing(missing)}
- Command of each run: `python -m examples.dqn.train --env-id ENVIRONMENT --seed SEED`;
  of everything: `python -m benchmarks.dqn_learning`.
- The settings (`examples/dqn/settings/tuned.py`) are chosen on seeds 100 to 199.
{_old(measured)}
- "Published" is the best of a DQN or a relative of it, each one run or few:
  rl-baselines3-zoo's tuned ones (last weights) and SLM-Lab's Double DQN with
  prioritized replay (a moving average in training).
- "s" is the median wall time of a whole process, start-up, evaluations and picture
  included, on a machine that may have had other work; "CPU s" is what the process
  itself used, which is what it takes on an idle core.
- Machine: {os.cpu_count()} CPU cores ({platform.machine()}), Python \
{platform.python_version()}, {versions}.

## Every seed, last weights / best weights

{details}
"""


def _row(task: Task, runs: Runs) -> str:
    last = [run["last"] for run in runs]
    cells = [
        task.name,
        f"{max(run['steps'] for run in runs):,}",
        _seeds(runs),
        f"**{np.mean(last):.1f}**",
        f"{min(last):.1f}",
        f"{task.bar} ({_verdict(task, runs)})",
        f"{np.mean([run['score'] for run in runs]):.1f}",
        task.published,
        f"{np.median([run['seconds'] for run in runs]):.0f}",
        _cpu(runs),
    ]
    return f"| {' | '.join(cells)} |"


def _verdict(task: Task, runs: Runs) -> str:
    verdict = "kept" if task.holds([run["last"] for run in runs]) else "missed"
    whole = {run["seed"] for run in runs} == set(SEEDS)
    return verdict if whole else f"{verdict} so far"


def _seeds(runs: Runs) -> str:
    seeds = sorted(run["seed"] for run in runs)
    together = seeds == [*range(seeds[0], seeds[-1] + 1)]
    if together and len(seeds) > 1:
        return f"{len(seeds)} ({seeds[0]} to {seeds[-1]})"
    return f"{len(seeds)} ({', '.join(map(str, seeds))})"


def _cpu(runs: Runs) -> str:
    seconds = [run["cpu_seconds"] for run in runs if "cpu_seconds" in run]
    return f"{np.median(seconds):.0f}" if seconds else "-"


def _missing(names: Sequence[str]) -> str:
    return f"\nNot measured yet: {', '.join(names)}.\n" if names else ""


def _old(measured: Mapping[Task, Runs]) -> str:
    old = [
        task.name
        for task, runs in measured.items()
        if any(run["seed"] not in SEEDS for run in runs)
    ]
    if not old:
        return f"  Nobody had looked at {SEEDS[0]} to {SEEDS[-1]} before."
    return (
        f"  Nobody had looked at {SEEDS[0]} to {SEEDS[-1]} before. Rows with other "
        "seeds were measured\n  earlier with the same settings, some of which had been "
        "chosen anew after a look at them."
    )


def _details(task: Task, runs: Runs) -> str:
    scores = ", ".join(
        f"{run['seed']}: {run['last']:.1f} / {run['score']:.1f}" for run in runs
    )
    return f"**{task.name}** (`{task.command}`): {scores}"
