"""Twenty seeds of the DQN example on each tuned environment, with their curves.

Run it from the root of the repository, on a machine with nothing else to do:

    python -m benchmarks.dqn_learning            # all environments, eight hours
    python -m benchmarks.dqn_learning --task CartPole-v1 --jobs 2

Each seed is a shell command of its own, timed from the start of the process to
its end, so that imports, compilation, evaluation and plot all count. A run that
is in the score file already is not repeated, unless `--fresh` is given; so a
stopped benchmark goes on where it was. Where settings have changed, `--fresh` is a
must.

It writes `results/dqn_learning/TASK.jsonl`, one line per seed, and the
table and the picture made of all of them.
"""

import argparse
import csv
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks import RESULTS, ROOT
from benchmarks.dqn_learning.curves import draw_curves
from benchmarks.dqn_learning.table import page, reported
from benchmarks.dqn_learning.tasks import SEEDS, TASKS, Task
from benchmarks.lines import Lines

SCORES = RESULTS / "dqn_learning"


def run_seed(task: Task, seed: int) -> dict[str, Any]:
    """Runs one seed and returns its line of the score file."""
    with tempfile.TemporaryDirectory() as temporary:
        folder, log = Path(temporary) / "run", Path(temporary) / "log"
        words = task.command.replace("SEED", str(seed))
        command = [sys.executable, *words.split()[1:], "--run-folder", str(folder)]
        started = time.perf_counter()
        with log.open("w") as file:
            process = subprocess.Popen(command, cwd=ROOT, stdout=file, stderr=file)
            # The only way to learn what this child alone has used.
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - started
        said = log.read_text()
        if process.returncode:
            raise RuntimeError(f"{words} failed:\n{said}")
        with (folder / "metrics.csv").open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["greedy_return"]]
            steps = int(rows[-1]["step"])
    pattern = r"mean return (-?[\d.]+) .*\((.*)\)\nlast weights (-?[\d.]+)"
    [(score, spread, last)] = re.findall(pattern, said)
    return {
        "env_id": task.env_id,
        "seed": seed,
        "score": float(score),
        "episodes": spread,
        "last": float(last),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
        "steps": steps,
        "curve": [[int(r["step"]), round(float(r["greedy_return"]), 1)] for r in rows],
        "command": words,
    }


def scores_of(task: Task) -> Lines:
    """The score file of a task."""
    return Lines(SCORES / f"{task.name.replace(' ', '-')}.jsonl")


def run_task(task: Task, jobs: int, fresh: bool) -> None:
    """Runs the seeds that are missing, `jobs` at a time."""
    scores = scores_of(task)
    if fresh:
        scores.forget()

    def run(seed: int) -> None:
        line = run_seed(task, seed)
        scores.append(line)
        print(
            f"{task.name} seed {seed}: last weights {line['last']}, best "
            f"{line['score']} ({line['seconds']} s)",
            flush=True,
        )

    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(run, [s for s in SEEDS if not scores.has(seed=s)]))
    scores.sort(lambda line: line["seed"])


def main() -> None:
    """Runs what is asked for, then renews table and picture."""
    names = [task.name for task in TASKS]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", choices=names, action="append")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time")
    parser.add_argument("--fresh", action="store_true", help="forget earlier runs")
    parser.add_argument("--table", action="store_true", help="run nothing, only write")
    arguments = parser.parse_args()
    for task in TASKS:
        if not arguments.table and task.name in (arguments.task or names):
            run_task(task, arguments.jobs, arguments.fresh)
    runs = {task: reported(scores_of(task).read()) for task in TASKS}
    (RESULTS / "dqn_learning.md").write_text(page(runs))
    draw_curves(RESULTS / "dqn_learning.png", runs)


if __name__ == "__main__":
    main()
