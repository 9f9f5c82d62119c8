"""The DQN example, Stable-Baselines3 and SBX side by side: one recipe, one core.

    python -m benchmarks.dqn_speed

runs every row of the table on every seed, one process after another, all on the
same core, and writes `results/dqn_speed.jsonl` and `results/dqn_speed.md`. Runs
that the first of them holds already are kept; `--only ours --fresh` measures one
row anew beside them. The peers get an environment of their own, which is made on
the first run and takes a few minutes.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import RESULTS, ROOT
from benchmarks.dqn_speed.peers import SB3_AND_SBX, make_environment, variables
from benchmarks.dqn_speed.report import report
from benchmarks.lines import Lines
from benchmarks.one_core import add_arguments, stay_on

Run = dict[str, Any]

WORKERS = {
    "SB3": "peer",
    "SBX": "peer",
    "ours": "ours",
    "ours, Double off": "ours",
    "ours, 16 environments": "ours",
    "floor": "floor",
}


def measure(who: str, seed: int, peers: Path, cpu_time: bool) -> Run:
    """Runs a worker in a process of its own.

    Raises:
        SystemExit: If it fails, with the end of what it said.
    """
    of_peers = WORKERS[who] == "peer"
    python = make_environment(peers, SB3_AND_SBX) if of_peers else sys.executable
    command = [str(python), "-m", f"benchmarks.dqn_speed.{WORKERS[who]}", "--who", who]
    command += ["--seed", str(seed)]
    command += [] if cpu_time else ["--started", str(time.monotonic())]
    done = subprocess.run(
        command, cwd=ROOT, env=variables(of_peers), capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"{who}, seed {seed} failed:\n{done.stderr[-2000:]}")
    run: Run = json.loads(done.stdout.splitlines()[-1])
    return run


def measure_all(path: Path, options: argparse.Namespace) -> list[Run]:
    """Measures what `path` does not hold yet, a seed of each row in turn."""
    lines = Lines(path, {"clock": "CPU" if options.cpu_time else "wall"})
    if options.fresh:
        lines.forget(lambda run: run["who"] in options.only)
    for seed in range(options.seeds):
        for who in options.only:
            if lines.has(who=who, seed=seed):
                continue
            print(f"{who}, seed {seed}", end=" ", file=sys.stderr, flush=True)
            run = measure(who, seed, options.peers, options.cpu_time)
            print(f"{run['seconds']:.0f} s", file=sys.stderr, flush=True)
            lines.append(run)
    return lines.read()


def parse() -> argparse.Namespace:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--peers",
        type=Path,
        default=ROOT / ".venv-peers",
        metavar="FOLDER",
        help="the peers' environment; made if it is not there",
    )
    add_arguments(parser, WORKERS, seeds=3)
    return parser.parse_args()


def main() -> None:
    options = parse()
    stay_on(options.core)
    path = RESULTS / "dqn_speed.jsonl"
    runs = measure_all(path, options)
    path.with_suffix(".md").write_text(report(runs))


if __name__ == "__main__":
    main()
