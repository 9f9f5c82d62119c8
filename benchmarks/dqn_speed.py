"""The DQN example, Stable-Baselines3 and SBX side by side: one recipe, one core.

    python benchmarks/dqn_speed.py

runs every row of the table on every seed, one process after another, all on the
same core, and writes `results/dqn_speed.jsonl` and `results/dqn_speed.md`. Runs
that the first of them holds already are kept; `--only ours --fresh` measures one
row anew beside them. The peers get an environment of their own, which is made on
the first run and takes a few minutes.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import dqn_speed_report

Run = dict[str, Any]

HERE = Path(__file__).parent
RESULTS = HERE / "results"
WORKERS = {
    "SB3": "dqn_speed_peer.py",
    "SBX": "dqn_speed_peer.py",
    "ours": "dqn_speed_ours.py",
    "ours, Double off": "dqn_speed_ours.py",
    "ours, 16 environments": "dqn_speed_ours.py",
    "floor": "dqn_speed_floor.py",
}
# One after another: torch first, so that nothing brings another version of it.
PEER_PACKAGES = (
    ["torch==2.13.0"],
    ["stable-baselines3==2.9.*", "sbx-rl==0.28.*", "gymnasium"],
)
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def make_peers(folder: Path) -> Path:
    """Makes the peers' environment, if it is not there, and returns its Python."""
    python = folder / "bin" / "python"
    done = folder / "installed"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        for packages in PEER_PACKAGES:
            command = [str(python), "-m", "pip", "install", "--quiet", *packages]
            subprocess.run(command, check=True, env=environment(peers=True))
        done.touch()
    return python


def environment(peers: bool) -> dict[str, str]:
    """The variables of a worker: one thread for each that would take more."""
    variables = {**os.environ, **dict.fromkeys(THREADS, "1")}
    variables["TF_CPP_MIN_LOG_LEVEL"] = "3"
    if peers:
        # For JAX. What is installed for us must not be found by them.
        variables["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
        variables.pop("PYTHONPATH", None)
    else:
        variables["PYTHONPATH"] = str(HERE.parent)
    return variables


def measure(who: str, seed: int, peers: Path, cpu_time: bool) -> Run:
    """Runs a worker in a process of its own.

    Raises:
        SystemExit: If it fails, with the end of what it said.
    """
    of_peers = WORKERS[who] == "dqn_speed_peer.py"
    python = make_peers(peers) if of_peers else sys.executable
    command = [str(python), str(HERE / WORKERS[who]), "--who", who]
    command += ["--seed", str(seed)]
    command += [] if cpu_time else ["--started", str(time.monotonic())]
    done = subprocess.run(
        command, env=environment(of_peers), capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"{who}, seed {seed} failed:\n{done.stderr[-2000:]}")
    run: Run = json.loads(done.stdout.splitlines()[-1])
    return run


def measure_all(path: Path, options: argparse.Namespace) -> list[Run]:
    """Measures what `path` does not hold yet, a seed of each row in turn."""
    path.parent.mkdir(exist_ok=True)
    runs = read_runs(path)
    clock = "CPU" if options.cpu_time else "wall"
    runs = [run for run in runs if run["clock"] == clock]
    if options.fresh:
        runs = [run for run in runs if run["who"] not in options.only]
        path.write_text("".join(json.dumps(run) + "\n" for run in runs))
    have = {(run["who"], run["seed"]) for run in runs}
    for seed in range(options.seeds):
        for who in options.only:
            if (who, seed) in have:
                continue
            print(f"{who}, seed {seed}", end=" ", file=sys.stderr, flush=True)
            run = measure(who, seed, options.peers, options.cpu_time)
            print(f"{run['seconds']:.0f} s", file=sys.stderr, flush=True)
            with path.open("a") as file:
                file.write(json.dumps(run) + "\n")
            runs.append(run)
    return runs


def read_runs(path: Path) -> list[Run]:
    """The runs measured so far."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


def parse() -> argparse.Namespace:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--peers",
        type=Path,
        default=HERE.parent / ".venv-peers",
        metavar="FOLDER",
        help="the peers' environment; made if it is not there",
    )
    parser.add_argument("--seeds", type=int, default=3, metavar="N")
    parser.add_argument("--only", nargs="+", choices=WORKERS, default=list(WORKERS))
    parser.add_argument("--core", type=int, help="the one to run on; default: the last")
    parser.add_argument(
        "--cpu-time",
        action="store_true",
        help="by the processes' CPU time: for a machine in use",
    )
    parser.add_argument("--fresh", action="store_true", help="measure again")
    return parser.parse_args()


def main() -> None:
    options = parse()
    if hasattr(os, "sched_setaffinity"):
        core = options.core
        if core is None:
            core = max(os.sched_getaffinity(0))
        # The workers inherit it.
        os.sched_setaffinity(0, {core})
    path = RESULTS / "dqn_speed.jsonl"
    runs = measure_all(path, options)
    path.with_suffix(".md").write_text(dqn_speed_report.report(runs))


if __name__ == "__main__":
    main()
