"""Seconds until CartPole is solved: the example, SB3, SBX and CleanRL side by side.

    python -m benchmarks.dqn_solved

runs each of them on every seed with the settings that it publishes for CartPole, one
process after another, all on the same core, and writes `results/dqn_solved.jsonl`
and `results/dqn_solved.md`. Runs that the first of them holds already are kept;
`--only ours --fresh` measures one row anew beside them. The peers get environments
of their own, which are made on the first run and take a few minutes, and CleanRL a
checkout.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import RESULTS, ROOT
from benchmarks.dqn_solved.report import report
from benchmarks.dqn_speed.peers import SB3_AND_SBX, make_environment, variables
from benchmarks.lines import Lines
from benchmarks.one_core import add_arguments, stay_on

Run = dict[str, Any]

WORKERS = {"ours": "ours", "SB3": "sb3", "SBX": "sb3", "CleanRL": "cleanrl"}
COMMIT = "fe8d8a03c41a7ef5b523e2e354bd01c363e786bb"
# What CleanRL pins has no wheel for Python 3.11; these are the oldest that have, and
# the newest that work with the Gymnasium that it pins.
CLEANRL = (
    ["torch==2.13.0"],
    [
        "jax==0.4.30",
        "jaxlib==0.4.30",
        "flax==0.8.5",
        "optax==0.2.3",
        "orbax-checkpoint==0.5.23",
        "numpy<2",
        "gymnasium==0.29.1",
        "tensorboard",
        "tyro",
        "setuptools<80",
    ],
)


def checkout(folder: Path) -> Path:
    """CleanRL's files at the commit that was measured."""
    if not (folder / "cleanrl").exists():
        url = "https://github.com/vwxyzjn/cleanrl"
        subprocess.run(["git", "clone", "--quiet", url, str(folder)], check=True)
        command = ["git", "-C", str(folder), "checkout", "--quiet", COMMIT]
        subprocess.run(command, check=True)
    return folder


def python_of(who: str, options: argparse.Namespace) -> str:
    """The interpreter that a worker runs in."""
    if who == "ours":
        return sys.executable
    if who == "CleanRL":
        return str(make_environment(options.cleanrl_peers, CLEANRL))
    return str(make_environment(options.peers, SB3_AND_SBX))


def measure(who: str, seed: int, options: argparse.Namespace) -> Run:
    """Runs a worker in a process of its own.

    Raises:
        SystemExit: If it fails, with the end of what it said.
    """
    found = variables(peers=who != "ours")
    if who == "CleanRL":
        found["CLEANRL"] = str(checkout(options.cleanrl))
    command = [python_of(who, options), "-m", f"benchmarks.dqn_solved.{WORKERS[who]}"]
    command += ["--who", who, "--seed", str(seed)]
    command += [] if options.cpu_time else ["--started", str(time.monotonic())]
    done = subprocess.run(command, cwd=ROOT, env=found, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{who}, seed {seed} failed:\n{done.stderr[-2000:]}")
    run: Run = json.loads(done.stdout.splitlines()[-1])
    return run


def parse() -> argparse.Namespace:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for flag, name in {
        "--peers": ".venv-peers",
        "--cleanrl-peers": ".venv-cleanrl",
        "--cleanrl": ".venv-cleanrl/checkout",
    }.items():
        what = "made if it is not there"
        parser.add_argument(flag, type=Path, default=ROOT / name, help=what)
    add_arguments(parser, WORKERS, seeds=5)
    return parser.parse_args()


def main() -> None:
    options = parse()
    stay_on(options.core)
    path = RESULTS / "dqn_solved.jsonl"
    lines = Lines(path, {"clock": "CPU" if options.cpu_time else "wall"})
    if options.fresh:
        lines.forget(lambda run: run["who"] in options.only)
    for seed in range(options.seeds):
        for who in options.only:
            if lines.has(who=who, seed=seed):
                continue
            run = measure(who, seed, options)
            print(f"{who}, seed {seed}: {run['solved seconds']} s", flush=True)
            lines.append(run)
    path.with_suffix(".md").write_text(report(lines.read()))


if __name__ == "__main__":
    main()
