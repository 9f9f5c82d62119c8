"""Trains candidates on tuning seeds, and watches what happens inside.

    python -m benchmarks.dqn_collapse --seeds 100..107

Each run is trained as `examples.dqn.train` trains it, with the same seed streams,
and looked at on the way; its score is the mean return of 100 greedy episodes of the
last weights. Runs that `results/dqn_collapse.jsonl` holds are not repeated. Seeds
are 100 to 199 only: those that scores are reported for are never looked at here.
"""

import argparse
import tempfile
from pathlib import Path

from benchmarks import RESULTS
from benchmarks.dqn_collapse.candidates import CANDIDATES
from benchmarks.dqn_collapse.report import report
from benchmarks.lines import Lines

# This module chooses Keras's backend, before anything imports Keras.
from examples.dqn import train  # noqa: F401
from examples.dqn.runs.seeds import parse_seeds
from examples.dqn.settings.tuned import tuned_config

PATH = RESULTS / "dqn_collapse.jsonl"
ENV_ID = "CartPole-v1"
TUNING = range(100, 200)


def measure(name: str, seed: int, lines: Lines) -> None:
    """Runs a candidate on a seed, if it has not been run."""
    # Imported here so that bad arguments do not wait for TensorFlow.
    from benchmarks.dqn_collapse.watched import run

    if lines.has(candidate=name, seed=seed):
        return
    config = tuned_config(ENV_ID, **CANDIDATES[name], seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        found = run(config, Path(folder))
    lines.append({"candidate": name, "seed": seed, **found})
    print(f"{name}, seed {seed}: last weights {found['last']}", flush=True)


def main() -> None:
    """Runs what is missing, then renews the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", default="100..103", help="in 100..199")
    parser.add_argument("--only", nargs="+", choices=CANDIDATES, metavar="NAME")
    options = parser.parse_args()
    seeds = parse_seeds(options.seeds)
    if not all(seed in TUNING for seed in seeds):
        parser.error(f"seeds must be in 100..199. Received: seeds={options.seeds}")
    lines = Lines(PATH)
    for name in options.only or CANDIDATES:
        for seed in seeds:
            measure(name, seed, lines)
    PATH.with_suffix(".md").write_text(report(lines.read()))


if __name__ == "__main__":
    main()
