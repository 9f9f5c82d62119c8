"""Measures cells: one in this process, or all of them, each in its own."""

import argparse
import hashlib
import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks import ROOT
from benchmarks.lines import Lines
from benchmarks.overhead.bars import (
    CLIP_ALONE,
    MODES,
    REFERENCE,
    named_in_bars,
    pairs_for,
)
from benchmarks.overhead.report import Cell

FEW = (
    "TensorFlow's XLA compiles such a step for ten seconds: only Keras's clipping and "
    "what the bars name was measured"
)
NETWORKS = ("mlp", "deep", "long", "lstm", *CLIP_ALONE)


def measure(network: str, mode: str, options: argparse.Namespace) -> Cell:
    """Measures one cell in this process, on the active backend."""
    import keras

    from benchmarks.overhead.peers import remarks

    wanted = asked(options)  # Now: the sources may change meanwhile.
    began, load = time.time(), os.getloadavg()[0]
    timed, bases, left_out = _time(network, mode, options)
    from benchmarks.overhead.turns import summarize

    times = timed.times
    ratios = summarize(times, {name: (name, base) for name, base in bases.items()})
    backend = __import__(mode.split()[0])
    return {
        "network": network,
        "mode": mode,
        "rounds": len(next(iter(times.values()))),
        "seconds": round(time.time() - began),
        "timed_seconds": round(timed.seconds),
        "load": [round(load, 1), round(os.getloadavg()[0], 1)],
        "cpus": len(os.sched_getaffinity(0)),
        **wanted,
        "versions": {"keras": keras.__version__, backend.__name__: backend.__version__},
        "remarks": remarks() + left_out,
        "ratios": ratios,
        "pairs": summarize(times, pairs_for(network, mode)),
        "failed": [name for name in bases if name not in ratios],
    }


def _time(
    network: str, mode: str, options: argparse.Namespace
) -> tuple[Any, dict[str, str], list[str]]:
    """Times a cell.

    Returns:
        What was timed; for each candidate what its ratio is taken to; and remarks
        on what was left out.
    """
    from benchmarks.overhead import alone, candidates, cell, networks

    clock = time.process_time if options.cpu_time else time.perf_counter
    jit_compile = not mode.endswith(("graph", "eager"))
    name = CLIP_ALONE.get(network, "mlp" if network == "long" else network)
    which = networks.NETWORKS[name]
    limits = which.limits
    if network in CLIP_ALONE:
        limits = limits._replace(seconds=30)
    if options.blocks:
        limits = limits._replace(rounds=options.blocks)
    if network == "long":
        timed = cell.measure_long_run(jit_compile, limits, log, clock)
        return timed, {f"{c}, late": c for c in cell.LONG_CANDIDATES}, []
    chosen = candidates.candidates(options.only, which.only)
    if network in CLIP_ALONE:
        chosen = alone.choose(chosen)
        timed = alone.measure_alone(which, limits, log, clock, chosen)
        return timed, dict.fromkeys(chosen, chosen[0]), []
    few = mode == "tensorflow xla" and which.slow_to_compile
    if few:
        named = named_in_bars(network, mode)
        chosen = [c for c in chosen if c in named or c.startswith("Keras")]
    timed = cell.measure_network(which, jit_compile, limits, log, clock, chosen)
    return timed, dict.fromkeys(chosen, REFERENCE), [FEW] if few else []


def measure_all(path: Path, options: argparse.Namespace) -> list[Cell]:
    """Measures each cell that `path` does not hold yet in its own process."""
    lines = Lines(path, asked(options))
    if options.fresh:
        lines.forget()
    for network in NETWORKS if options.network == "all" else [options.network]:
        for mode in MODES:
            # Alone, the clip is one compiled function where there is a compiler.
            if network in CLIP_ALONE and mode == "tensorflow xla":
                continue
            if lines.has(network=network, mode=mode):
                continue
            backend, variant = mode.split()
            command = [sys.executable, "-m", "benchmarks.overhead"]
            command += ["--network", network, "--mode", variant]
            command += ["--json", str(path.resolve()), "--only", options.only]
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


def log(message: str) -> None:
    """Says how far a cell is."""
    print(f"  {message}", file=sys.stderr, flush=True)
