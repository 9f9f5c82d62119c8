"""Makes the updates of one rule on the active backend, and looks on."""

import os
import time
from pathlib import Path
from typing import Any

import numpy as np

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
