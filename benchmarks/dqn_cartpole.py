"""Ten seeds of the DQN example, one after the other, into a Markdown table.

Run it from the root of the repository, on a machine with nothing else to do:

    python -m benchmarks.dqn_cartpole

Each seed is a shell command of its own, timed from the start of the process to
its end, so that imports, compilation, evaluation and plot all count.
"""

import csv
import os
import platform
import re
import resource
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

SEEDS = range(10)
BAR, SECONDS, GOOD_SEEDS = 475, 60, 9
RESULTS = Path(__file__).parent / "results" / "dqn_cartpole.md"
COMMAND = "python -m examples.dqn.train --seed SEED"


def run_seed(seed: int, folder: Path) -> tuple[float, str, float, float, float]:
    """Score, its spread, score of the last weights, wall and CPU seconds."""
    words = COMMAND.replace("SEED", str(seed)).split()
    command = [sys.executable, *words[1:], "--run-folder", str(folder)]
    started, used = time.perf_counter(), cpu_seconds_of_children()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    cpu_seconds = cpu_seconds_of_children() - used
    pattern = r"mean return ([\d.]+) .*\((.*)\)\nlast weights ([\d.]+)"
    [(score, spread, last)] = re.findall(pattern, done.stdout)
    return float(score), spread, float(last), seconds, cpu_seconds


def cpu_seconds_of_children() -> float:
    """CPU time of all commands so far, on all cores together."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def first_step_solved(folder: Path) -> str:
    """The environment step of the first greedy evaluation at the bar or above."""
    with (folder / "metrics.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["greedy_return"] and float(row["greedy_return"]) >= BAR:
                return f"{int(row['step']):,}"
    return "-"


def main() -> None:
    """Runs the seeds and writes the table."""
    rows, scores, times = [], [], []
    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / "run"
            score, spread, last, seconds, cpu = run_seed(seed, folder)
            solved = first_step_solved(folder)
        scores.append(score)
        times.append(seconds)
        rows.append(
            f"| {seed} | {score:.1f} | {spread} | {last:.1f} | {solved} "
            f"| {seconds:.1f} | {cpu:.1f} |"
        )
        print(rows[-1], flush=True)
    good = sum(score >= BAR for score in scores)
    quick = max(times) < SECONDS
    packages = ("tensorflow", "keras", "gymnasium", "numpy")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(
        f"""# DQN on CartPole-v1, ten seeds

Bar: a mean return of at least {BAR} over 100 greedy episodes, after 50,000
environment steps, on at least {GOOD_SEEDS} of 10 seeds, each in less than \
{SECONDS} s.
Result: **{good} of {len(scores)} seeds**, mean score {sum(scores) / len(scores):.1f}; \
slowest run {max(times):.1f} s.
Score: {"met" if good >= GOOD_SEEDS else "not met"}. \
Time: {"met" if quick else "not met"}.

| seed | score | episodes | last weights | first step at {BAR} | wall, s | CPU, s |
| --- | --- | --- | --- | --- | --- | --- |
{chr(10).join(rows)}

- Command of each row: `{COMMAND}`; of the whole table:
  `python -m benchmarks.dqn_cartpole`.
- The score is that of the weights that did best in the greedy evaluations during
  training (10 episodes every 2,500 steps, on environments of their own), over 100
  fresh episodes. "Last weights" is the score without that choice (`--keep last`).
- "First step at {BAR}" is the first of those evaluations to reach the bar.
- Wall and CPU time are those of the whole process: start-up, imports, compilation,
  training, evaluations and plot. Most of it runs on one core, so where wall time is
  far above CPU time, the machine had other work to do.
- The hyper-parameters are the example's defaults, chosen on seeds 100 to 107. An
  earlier choice (256 steps, then 128 updates; last weights) scored 500 on seeds 100
  to 103 but 304.6 on seed 0, and was given up for this one, again on seeds 100 and up.
- Machine: {os.cpu_count()} CPU cores ({platform.machine()}), Python \
{platform.python_version()}, {versions}.
"""
    )


if __name__ == "__main__":
    main()
