"""A million updates: memory flat, step time flat, thresholds right to the end.

    python -m benchmarks.long_run

measures every backend that is installed, each rule in a process of its own,
and writes `results/long_run.md`; with `--rule`, one rule on the active backend.
The updates are Keras's own, `optimizer.apply` of a clipped SGD on a model of
eight numbers, in chunks that run as one compiled loop, so that little but
clipping is measured. Torch has no such loop and takes fewer.
"""

import argparse
import json
import os
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import numpy as np

from benchmarks import RESULTS, ROOT
from benchmarks.long_run.updates import RULES, measure

RESULT = RESULTS / "long_run.md"
BACKENDS = ("tensorflow", "jax", "torch")


def summary(backend: str, cell: dict[str, Any]) -> str:
    """Returns the table's row: early and late are ten chunks each."""
    # The first chunk compiles.
    seconds = np.array(cell["seconds"][1:]) * 1e6
    megabytes = cell["megabytes"]
    ratio = np.array(cell["ratio"])
    return (
        f"| {backend} | {cell['rule']} | {cell['updates']:,} "
        f"| {seconds[:10].min():.1f} | {seconds[-10:].min():.1f} "
        f"| {megabytes[1]:.1f} | {megabytes[-1]:.1f} "
        f"| {ratio.min():.5f} to {ratio.max():.5f} |"
    )


def table(rows: list[str]) -> str:
    versions = ", ".join(f"{name} {version(name)}" for name in ("keras", *BACKENDS))
    return f"""# A million updates

Made by `python -m benchmarks.long_run`, on the CPU, with
{versions}.

CPU time per update, in microseconds, in the first and in the last ten chunks, the
least of each ten, since other processes disturb; a chunk is a hundredth of the run,
and the first, which compiles, is left out. Resident memory in MiB after the second
and after the last chunk. And, at the end of all hundred chunks, the least and the
greatest ratio of AutoClip's threshold to `numpy.percentile` of the norms that count:
the rule promises 1 to 1.01 for the whole history and 1 for a window. The norms fall
by three decades over the run.

| backend | AutoClip | updates | early | late | early MiB | late | threshold / exact |
| --- | --- | --- | --- | --- | --- | --- | --- |
{os.linesep.join(rows)}

Torch makes its updates one by one from Python, so it made fewer.
"""


def measure_all(options: argparse.Namespace) -> None:
    rows = []
    for backend in filter(find_spec, BACKENDS):
        steps = options.torch_steps if backend == "torch" else options.steps
        for rule in RULES:
            environment = {**os.environ, "KERAS_BACKEND": backend}
            command = [sys.executable, "-m", "benchmarks.long_run", "--rule", rule]
            command += ["--steps", str(steps)]
            done = subprocess.run(
                command,
                cwd=ROOT,
                env=environment,
                check=True,
                stdout=subprocess.PIPE,
                text=True,
            )
            rows.append(summary(backend, json.loads(done.stdout)))
            print(rows[-1], flush=True)
    RESULT.write_text(table(rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rule", choices=RULES, help="one rule, printed as JSON")
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--torch-steps", type=int, default=100_000)
    options = parser.parse_args()
    if options.rule is None:
        measure_all(options)
    else:
        print(json.dumps(measure(options.rule, options.steps, options.steps // 100)))


if __name__ == "__main__":
    main()
