"""A million updates: memory flat, step time flat, thresholds right to the end.

    python benchmarks/long_run.py

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
import time
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

RESULT = Path(__file__).parent / "results" / "long_run.md"
BACKENDS = ("tensorflow", "jax", "torch")
WINDOW, PERCENTILE = 1000, 10
RULES = {"whole history": None, f"window of {WINDOW}": WINDOW}


def norms_to_come(steps: int) -> np.ndarray:
    """Noisy norms that fall by three decades: early ones must not rule."""
    generator = np.random.default_rng(0)
    trend = np.geomspace(10.0, 0.01, steps)
    return (trend * generator.lognormal(sigma=1.0, size=steps)).astype("float32")


def resident_megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def chunk_runner(optimizer: Any, variable: Any) -> Any:
    """Returns a function that makes one update for each norm it is given."""
    import keras

    size = variable.shape[0]

    def gradient(norm: Any) -> Any:
        return keras.ops.broadcast_to(norm / size**0.5, (size,))

    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        @tf.function(jit_compile=True)
        def run(norms: Any) -> None:
            for norm in norms:
                optimizer.apply([gradient(norm)], [variable])

        return run
    if backend == "jax":
        import jax

        def update(state: Any, norm: Any) -> Any:
            weights, slots = state
            return optimizer.stateless_apply(slots, [gradient(norm)], weights), None

        scan = jax.jit(lambda state, norms: jax.lax.scan(update, state, norms)[0])

        def run(norms: Any) -> None:
            state = [variable.value], [v.value for v in optimizer.variables]
            weights, slots = scan(state, norms)
            for v, value in zip([variable, *optimizer.variables], [*weights, *slots]):
                v.assign(value)

        return run

    def run(norms: Any) -> None:
        for norm in norms:
            optimizer.apply([gradient(norm)], [variable])

    return run


def measure(rule: str, steps: int, chunk: int) -> dict[str, Any]:
    """Makes the updates and returns what was found at the end of each chunk."""
    import keras

    from keras_gradclip import AutoClip, optimizers

    variable = keras.Variable(np.zeros((8,), "float32"))
    clipper = AutoClip(PERCENTILE, window=RULES[rule])
    optimizer = optimizers.SGD(1e-6, clipper=clipper)
    optimizer.build([variable])
    run = chunk_runner(optimizer, variable)
    norms = norms_to_come(steps)
    seconds, megabytes, thresholds = [], [], []
    ends = range(chunk, steps + 1, chunk)
    for end in ends:
        part = keras.ops.convert_to_tensor(norms[end - chunk : end])
        start = time.process_time()
        run(part)
        last = optimizer.clip_history(since=end - 1)
        seconds.append((time.process_time() - start) / chunk)
        megabytes.append(resident_megabytes())
        thresholds.append(last["threshold"][0, 0])
    # Not in the loop, since a percentile takes memory, too.
    exact = [percentile_of_last(norms[:end], RULES[rule]) for end in ends]
    return {
        "rule": rule,
        "updates": int(optimizer.iterations),
        "seconds": seconds,
        "megabytes": megabytes,
        "ratio": (np.array(thresholds) / exact).tolist(),
    }


def percentile_of_last(norms: np.ndarray, window: int | None) -> float:
    counted = norms if window is None else norms[-window:]
    return float(np.percentile(counted.astype("float64"), PERCENTILE))


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

Made by `python benchmarks/long_run.py`, on the CPU, with
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
            command = [sys.executable, __file__, "--rule", rule, "--steps", str(steps)]
            done = subprocess.run(
                command, env=environment, check=True, stdout=subprocess.PIPE, text=True
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
