"""What clipping adds to a training step, against Keras's `global_clipnorm`.

One cell, a network on one backend, measured and printed:

    KERAS_BACKEND=jax python -m benchmarks.overhead --network mlp

The clip alone, without a step around it, beside timm's, optax's and the floors:

    KERAS_BACKEND=torch python -m benchmarks.overhead --clip-alone

The whole table: every cell in a process of its own, one after another, kept
in `results/overhead.jsonl` and not measured again, and then
`results/overhead.md`:

    python -m benchmarks.overhead --all

How a cell is measured is told in `cell.py` and `turns.py`, what in
`candidates.py`, and how much it may cost in `bars.py`.
"""

import argparse
import os
from pathlib import Path

from benchmarks import RESULTS
from benchmarks.lines import Lines
from benchmarks.overhead.bars import CLIP_ALONE, MODES
from benchmarks.overhead.measure import NETWORKS, log, measure, measure_all
from benchmarks.overhead.report import TITLES, report, tables


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Returns the command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", choices=[*NETWORKS, "all"], default="all")
    parser.add_argument("--clip-alone", action="store_true", help="without a step")
    parser.add_argument("--mode", choices=sorted({m.split()[1] for m in MODES}))
    parser.add_argument("--only", default="", metavar="REGEX", help="candidates")
    parser.add_argument("--blocks", type=int, metavar="N", help="rounds of blocks")
    parser.add_argument(
        "--cpu-time",
        action="store_true",
        help="on one core, by the process's CPU time: for a machine in use",
    )
    parser.add_argument("--quick", action="store_true", help="20 rounds only")
    parser.add_argument("--json", type=Path, metavar="PATH", help="append cells to it")
    parser.add_argument("--all", action="store_true", help="every cell, and the table")
    parser.add_argument("--fresh", action="store_true", help="forget earlier cells")
    options = parser.parse_args(arguments)
    options.blocks = options.blocks or (20 if options.quick else None)
    return options


def main() -> None:
    options = parse()
    if options.all:
        path = options.json or RESULTS / "overhead.jsonl"
        cells = measure_all(path, options)
        used = " --cpu-time" if options.cpu_time else ""
        table = report(cells, f"python -m benchmarks.overhead --all{used}")
        path.with_suffix(".md").write_text(table)
        return
    if options.cpu_time:
        # Before any backend is imported and sizes its thread pools.
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    mode = active_mode(options.mode)
    networks = NETWORKS if options.network == "all" else (options.network,)
    for network in CLIP_ALONE if options.clip_alone else networks:
        log(f"{TITLES[network]}: {mode}")
        cell = measure(network, mode, options)
        if options.json:
            Lines(options.json).append(cell)
        print(*tables(network, [cell]), sep="\n\n")


def active_mode(variant: str | None) -> str:
    """Returns the mode of this process, from its backend and the option."""
    import keras

    default = {"tensorflow": "xla", "jax": "jit", "torch": "eager"}
    backend = keras.backend.backend()
    mode = f"{backend} {variant or default[backend]}"
    if mode not in MODES:
        raise SystemExit(f"`--mode` must make one of {MODES}. Received: {mode!r}")
    return mode


if __name__ == "__main__":
    main()
