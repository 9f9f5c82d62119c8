"""What a `ClipMonitor` adds to a step of `fit`, on the MLP of the overhead benchmark.

    KERAS_BACKEND=jax python -m benchmarks.monitor

Two equal models with a clipper take turns, one of them with a monitor, by the CPU
time of the process on one core, so that it means something on a machine in use.
The bar is 2 % of the step, at the scopes "global" and "variable".
"""

import argparse
import time
from typing import Any

from benchmarks.one_core import stay_on

BAR = 0.02


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15, help="pairs of fits")
    parser.add_argument("--steps", type=int, default=4_000, help="steps of a fit")
    parser.add_argument("--core", type=int, help="the core; the last one if left out")
    options = parser.parse_args()
    # Before any backend is imported and sizes its thread pools.
    stay_on(options.core)
    print("| backend | scope | step, us | monitor adds | bar |")
    print("|---|---|---|---|---|")
    for scope in ("global", "variable"):
        print(_row(scope, options.rounds, options.steps), flush=True)


def _row(scope: str, rounds: int, steps: int) -> str:
    import keras
    import numpy as np

    from keras_gradclip import ClipMonitor

    plain, watched = _model(scope), _model(scope)
    monitor = ClipMonitor()
    # The first fits compile.
    _seconds(plain, steps, [])
    _seconds(watched, steps, [monitor])
    pairs = []
    for turn in range(rounds):
        both = [(plain, []), (watched, [monitor])]
        timed = {}
        for model, callbacks in both[:: 1 if turn % 2 else -1]:
            timed[len(callbacks)] = _seconds(model, steps, callbacks)
        pairs.append((timed[0], timed[1]))
    without, _ = np.median(pairs, axis=0)
    added = float(np.median([b / a for a, b in pairs])) - 1
    verdict = "met" if added <= BAR else "missed"
    cells = (
        keras.backend.backend(),
        scope,
        f"{1e6 * without / steps:.0f}",
        f"{100 * added:+.1f} %",
        f"{verdict} ({100 * BAR:.0f} %)",
    )
    return f"| {' | '.join(cells)} |"


def _model(scope: str) -> Any:
    from benchmarks.overhead.networks import NETWORKS
    from keras_gradclip import AutoClip, optimizers

    model = NETWORKS["mlp"].build()
    model.compile(optimizers.Adam(1e-3, clipper=AutoClip(scope=scope)), "mse")
    return model


def _seconds(model: Any, steps: int, callbacks: list[Any]) -> float:
    """Returns the CPU time of one epoch of so many steps."""
    from benchmarks.overhead.networks import NETWORKS

    x, y = NETWORKS["mlp"].batches()

    def batches() -> Any:
        for i in range(steps):
            yield x[i % len(x)], y[i % len(y)]

    start = time.process_time()
    model.fit(batches(), steps_per_epoch=steps, verbose=0, callbacks=callbacks)
    return time.process_time() - start


if __name__ == "__main__":
    main()
