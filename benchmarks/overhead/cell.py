"""Measures one cell of the overhead table: one network on the active backend.

Every candidate is a compiled Keras model that trains by the function that
`Model.fit` itself calls, on the same batches in memory. All candidates live
in one process and take turns, a block of steps each, in an order that is
shuffled every round. What another process takes from the machine then hits
all of them alike, and their ratios survive it. Single wall times do not.
"""

import gc
import itertools
import random
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from benchmarks.overhead.candidates import (
    CANDIDATES,
    LONG_CANDIDATES,
    NETWORKS,
    REFERENCE,
    Network,
)

BACKEND = keras.backend.backend()
LONG_RUN, SHORT_RUN = 100_000, 10
MOST_SECONDS = 150

Times = dict[str, np.ndarray]


class Trainer:
    """A model that trains step by step, by the function that `fit` calls."""

    def __init__(self, network: Network, optimizer: Any, jit_compile: bool):
        self._x, self._y = network.batches()
        self._model = network.build()
        self._model.compile(optimizer, loss="mse", jit_compile=jit_compile)
        # Builds all that `fit` would build, and compiles.
        self._model.train_on_batch(self._x[0], self._y[0])
        self._optimizer_state = [np.array(v) for v in optimizer.variables]
        self._step = _STEPS[BACKEND](self._model, self._x, self._y)
        self.run(1)

    def run(self, steps: int) -> None:
        """Trains for `steps` steps and waits until they are done."""
        for _ in range(steps):
            logs = self._step()
        if BACKEND == "jax":
            next(iter(logs.values())).block_until_ready()

    def rewind(self) -> None:
        """Puts the optimizer back to where it was after one step."""
        for variable, value in zip(
            self._model.optimizer.variables, self._optimizer_state
        ):
            variable.assign(value)
        self._step = _STEPS[BACKEND](self._model, self._x, self._y)


def _tensorflow_step(model: Any, x: np.ndarray, y: np.ndarray) -> Callable[[], Any]:
    import tensorflow as tf

    iterator = iter(tf.data.Dataset.from_tensor_slices((x, y)).repeat())
    return lambda: model.train_function(iterator)


def _jax_step(model: Any, x: np.ndarray, y: np.ndarray) -> Callable[[], Any]:
    import jax

    # As `fit` does, the step is given the state and donates its memory to
    # the next one: a copy, since `rewind` needs the model's own again.
    kinds = (
        model.trainable_variables,
        model.non_trainable_variables,
        model.optimizer.variables,
        model.metrics_variables,
    )
    state: Any = tuple([jax.numpy.array(v.value) for v in kind] for kind in kinds)
    # On the CPU `fit` hands over NumPy arrays too.
    batches = itertools.cycle(zip(x, y))

    def step() -> Any:
        nonlocal state
        logs, state = model.train_function(state, batches)
        return logs

    return step


def _torch_step(model: Any, x: np.ndarray, y: np.ndarray) -> Callable[[], Any]:
    import torch

    model.train()
    batches = itertools.cycle(zip(torch.from_numpy(x), torch.from_numpy(y)))
    return lambda: model.train_function([next(batches)])


_STEPS = {"tensorflow": _tensorflow_step, "jax": _jax_step, "torch": _torch_step}


def measure_network(
    name: str, jit_compile: bool, rounds: int, log: Any, clock: Any, chosen: list[str]
) -> Times:
    """Times one step of every chosen candidate on a network.

    The model that is built first in a process is about 5 % faster on
    TensorFlow than an equal one built later. An untimed one takes that place,
    so that no candidate does.

    Returns:
        As `interleave`, without the candidates that fail to train.
    """
    network = NETWORKS[name]
    trainers = {}
    first = Trainer(network, CANDIDATES[REFERENCE](), jit_compile)
    for candidate in chosen:
        log(f"building {candidate}")
        try:
            optimizer = CANDIDATES[candidate]()
            trainers[candidate] = Trainer(network, optimizer, jit_compile)
        except Exception as error:  # One that fails must not cost the table.
            log(f"{candidate} fails: {type(error).__name__}: {error}")
    times = interleave(trainers, network.steps, rounds, log, clock)
    del first  # Until here it has kept its place in memory.
    return times


def measure_long_run(
    jit_compile: bool, rounds: int, log: Any, clock: Any, long_run: int = LONG_RUN
) -> Times:
    """Times the MLP's steps around the tenth and after `long_run` of them.

    Returns:
        As `interleave`; the names of the candidates that have run long end
        in ", late".
    """
    early, late = {}, {}
    for candidate in LONG_CANDIDATES:
        log(f"running {candidate} for {long_run} steps")
        make, network = CANDIDATES[candidate], NETWORKS["mlp"]
        early[candidate] = Trainer(network, make(), jit_compile)
        late[f"{candidate}, late"] = Trainer(network, make(), jit_compile)
        late[f"{candidate}, late"].run(long_run)

    def rewind(turn: int) -> None:
        if turn % 10 == 0:
            for trainer in early.values():
                trainer.rewind()
                trainer.run(SHORT_RUN)

    steps = NETWORKS["mlp"].steps
    return interleave({**early, **late}, steps, rounds, log, clock, rewind)


def interleave(
    trainers: dict[str, Trainer],
    steps: int,
    rounds: int,
    log: Any,
    clock: Callable[[], float],
    before_round: Callable[[int], None] = lambda turn: None,
) -> Times:
    """Times blocks of steps, the trainers taking turns.

    On a busy machine it ends after `MOST_SECONDS`, with fewer rounds.

    Returns:
        For each trainer the microseconds per step of its blocks, shape
        `(rounds,)`.
    """
    times: dict[str, list[float]] = {name: [] for name in trainers}
    order = random.Random(0)
    # What lives now stays: no candidate pays for a look through it all.
    gc.collect()
    gc.freeze()
    log(f"timing {rounds} rounds")
    end = time.monotonic() + MOST_SECONDS
    for turn in range(rounds):
        if turn >= 10 and time.monotonic() > end:
            break
        before_round(turn)
        for name in order.sample(list(trainers), len(trainers)):
            trainers[name].run(1)  # Brings its memory back into the caches.
            start = clock()
            trainers[name].run(steps)
            times[name].append((clock() - start) / steps * 1e6)
    return {name: np.array(values) for name, values in times.items()}


def summarize(times: Times, bases: dict[str, str]) -> dict[str, dict[str, float]]:
    """Returns each candidate's time, and its ratio to its base.

    A ratio is taken within each round. The table shows the median over
    rounds; the quartiles show the noise. `low_ratio` is that of the 10th
    percentiles of the times: an estimate from the blocks that nothing
    interrupted.
    """
    summary = {}
    for name, base in bases.items():
        if name not in times or base not in times:
            continue
        ratios = times[name] / times[base]
        low, low_of_base = (np.percentile(times[n], 10) for n in (name, base))
        summary[name] = {
            "us": np.median(times[name]),
            "low_us": low,
            "ratio": np.median(ratios),
            "ratio_25": np.percentile(ratios, 25),
            "ratio_75": np.percentile(ratios, 75),
            "low_ratio": low / low_of_base,
        }
    return {
        name: {key: round(float(v), 4) for key, v in entry.items()}
        for name, entry in summary.items()
    }
