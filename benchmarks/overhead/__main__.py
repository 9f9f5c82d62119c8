"""What clipping adds to a training step, against Keras's `global_clipnorm`.

One cell, a network on one backend, measured and printed:

    KERAS_BACKEND=jax python -m benchmarks.overhead --network mlp

The whole table: every cell in a process of its own, one after another, kept
in `results/overhead.jsonl` and not measured again, and then
`results/overhead.md`:

    python -m benchmarks.overhead --all

How a cell is measured is told in `cell.py`, what in
`candidates.py`.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import RESULTS, ROOT
from benchmarks.lines import Lines

MODES = ("tensorflow graph", "tensorflow xla", "jax jit", "torch eager")
NETWORKS = ("mlp", "deep", "long", "lstm")
TITLES = {
    "mlp": "MLP, 6 variables",
    "deep": "50 Dense layers, 100 variables",
    "lstm": "LSTM over 32 steps, 5 variables",
    "long": "MLP, step 100,000 against step 10",
}

Cell = dict[str, Any]


class Bar(NamedTuple):
    """The most that a candidate may cost, as a ratio."""

    network: str
    candidates: str
    """How their names begin."""
    most: dict[str, float]
    """For each mode in which the bar holds."""


def _everywhere(most: float, **others: float) -> dict[str, float]:
    compiled = {mode: most for mode in MODES if mode != "torch eager"}
    return compiled | {mode.replace("_", " "): v for mode, v in others.items()}


BARS = (
    Bar("mlp", "AutoClip global", _everywhere(1.25, tensorflow_graph=1.4)),
    Bar("mlp", "AutoClip layer", _everywhere(1.35)),
    Bar("deep", "AutoClip global", _everywhere(1.05, torch_eager=1.0)),
    Bar("deep", "AutoClip layer", _everywhere(1.15)),
    *(
        Bar(network, "window 8192 against 128", _everywhere(1.1, torch_eager=1.1))
        for network in ("mlp", "deep")
    ),
    Bar("long", "AutoClip", _everywhere(1.05, torch_eager=1.05)),
)


def bar_for(network: str, candidate: str, mode: str) -> float | None:
    """Returns the bar that applies to a measured ratio, if one does."""
    for bar in BARS:
        if bar.network == network and candidate.startswith(bar.candidates):
            return bar.most.get(mode)
    return None


# Measuring.


def measure(network: str, mode: str, options: argparse.Namespace) -> Cell:
    """Measures one cell in this process, on the active backend."""
    clock = time.process_time if options.cpu_time else time.perf_counter
    import keras

    from benchmarks.overhead import candidates, cell

    wanted = asked(options)  # Now: the sources may change meanwhile.
    rounds = options.blocks
    began, load = time.time(), os.getloadavg()[0]
    jit_compile = not mode.endswith(("graph", "eager"))
    if network == "long":
        rounds = rounds or cell.NETWORKS["mlp"].rounds
        times = cell.measure_long_run(jit_compile, rounds, _log, clock)
        bases = {f"{name}, late": name for name in cell.LONG_CANDIDATES}
        pairs = {}
    else:
        rounds = rounds or cell.NETWORKS[network].rounds
        chosen = candidates.candidates(options.only)
        times = cell.measure_network(network, jit_compile, rounds, _log, clock, chosen)
        bases = dict.fromkeys(chosen, cell.REFERENCE)
        windows = [f"AutoClip global, window {size}" for size in (8192, 128)]
        pairs = cell.summarize(times, {windows[0]: windows[1]})
    ratios = cell.summarize(times, bases)
    for summary in pairs.values():
        ratios["window 8192 against 128"] = summary
    backend = __import__(mode.split()[0])
    return {
        "network": network,
        "mode": mode,
        "rounds": len(times[cell.REFERENCE]),
        "seconds": round(time.time() - began),
        "load": [round(load, 1), round(os.getloadavg()[0], 1)],
        "cpus": len(os.sched_getaffinity(0)),
        **wanted,
        "versions": {"keras": keras.__version__, backend.__name__: backend.__version__},
        "ratios": ratios,
        "failed": [name for name in bases if name not in ratios],
    }


def measure_all(path: Path, options: argparse.Namespace) -> list[Cell]:
    """Measures each cell that `path` does not hold yet in its own process."""
    lines = Lines(path, asked(options))
    if options.fresh:
        lines.forget()
    for network in NETWORKS:
        for mode in MODES:
            if lines.has(network=network, mode=mode):
                continue
            backend, variant = mode.split()
            command = [
                sys.executable,
                "-m",
                "benchmarks.overhead",
                "--network",
                network,
            ]
            command += ["--mode", variant]
            command += ["--json", str(path.resolve())]
            command += ["--only", options.only]
            command += ["--blocks", str(options.blocks)] if options.blocks else []
            command += ["--cpu-time"] if options.cpu_time else []
            environment = {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ}
            environment["KERAS_BACKEND"] = backend
            subprocess.run(command, cwd=ROOT, env=environment, check=True)
    # Of one measured twice, the last.
    cells = {(cell["network"], cell["mode"]): cell for cell in lines.read()}
    return list(cells.values())


def asked(options: argparse.Namespace) -> dict[str, str]:
    """Returns what must agree for two cells to stand in one table."""
    clock = "CPU" if options.cpu_time else "wall"
    return {"clock": clock, "only": options.only, "package": fingerprint()}


def fingerprint() -> str:
    """Returns a hash of the package's sources: numbers of two must not mix."""
    folder = Path(find_spec("keras_gradclip").origin).parent
    sources = [path.read_bytes() for path in sorted(folder.rglob("*.py"))]
    return hashlib.sha256(b"".join(sources)).hexdigest()[:12]


def _is(cell: Cell, network: str, mode: str) -> bool:
    return cell["network"] == network and cell["mode"] == mode


def _log(message: str) -> None:
    print(f"  {message}", file=sys.stderr, flush=True)


# Reporting.


def report(cells: list[Cell], command: str) -> str:
    """Returns the table of all cells as Markdown."""
    versions = {k: v for cell in cells for k, v in cell["versions"].items()}
    cpus = sorted({cell["cpus"] for cell in cells})
    parts = [
        "# What clipping adds to a training step",
        f"Made by `{command}`, with "
        + ", ".join(f"{name} {version}" for name, version in versions.items())
        + f", on {' or '.join(map(str, cpus))} CPU core(s), batches of 32, Adam; "
        f"{cells[0]['clock']} time; package sources {cells[0]['package']}.",
        "Ratios are step times over that of Keras's `global_clipnorm`, in the "
        "same round of blocks, all candidates taking turns: the median over "
        "rounds / the ratio of the 10th percentiles of the times, which other "
        "processes disturb less. The log that `ClipMonitor` reads is included. "
        "Where there is a bar, it stands behind the two: ✓ if both keep it, ✗ "
        "if neither does, ~ if one does.",
        "The noise: `global_clipnorm` stands twice in each table. The "
        "distance of the second from 1, and the quartiles of its ratio in "
        'brackets, are what such a number is worth. "Load" is the machine\'s '
        "load average before and after.",
    ]
    for network in NETWORKS:
        columns = [c for mode in MODES for c in cells if _is(c, network, mode)]
        if columns:
            parts += [f"## {TITLES[network]}", _table(network, columns)]
    return "\n\n".join(parts) + "\n"


def _table(network: str, columns: list[Cell]) -> str:
    names = (n for cell in columns for n in (*cell["ratios"], *cell["failed"]))
    rows = list(dict.fromkeys(names))
    lines = [
        ["", *(cell["mode"] for cell in columns)],
        ["---"] * (len(columns) + 1),
        *([name, *(_entry(network, name, cell) for cell in columns)] for name in rows),
        ["rounds", *(str(cell["rounds"]) for cell in columns)],
        ["load", *("{} to {}".format(*cell["load"]) for cell in columns)],
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _entry(network: str, name: str, cell: Cell) -> str:
    summary = cell["ratios"].get(name)
    if summary is None:
        return "fails" if name in cell["failed"] else ""
    if name == "Keras global_clipnorm":
        return f"{summary['us']:,.0f} us / {summary['low_us']:,.0f} us"
    text = f"{summary['ratio']:.2f} / {summary['low_ratio']:.2f}"
    if "once more" in name or network == "long":
        text += f" [{summary['ratio_25']:.2f}, {summary['ratio_75']:.2f}]"
    bar = bar_for(network, name, cell["mode"])
    if bar is None:
        return text
    kept = {summary[key] <= bar for key in ("ratio", "low_ratio")}
    mark = "~" if len(kept) == 2 else "✓" if True in kept else "✗"
    return f"{text} {mark} {bar:g}"


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Returns the command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", choices=[*NETWORKS, "all"], default="all")
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
    import keras

    default = {"tensorflow": "xla", "jax": "jit", "torch": "eager"}
    backend = keras.backend.backend()
    mode = f"{backend} {options.mode or default[backend]}"
    if mode not in MODES:
        raise SystemExit(f"`--mode` must make one of {MODES}. Received: {mode!r}")
    networks = NETWORKS if options.network == "all" else [options.network]
    for network in networks:
        _log(f"{TITLES[network]}: {mode}")
        cell = measure(network, mode, options)
        if options.json:
            Lines(options.json).append(cell)
        print(_table(network, [cell]))


if __name__ == "__main__":
    main()
