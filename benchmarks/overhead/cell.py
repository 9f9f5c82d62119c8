"""Measures one cell of the overhead table: one network on the active backend.

Every candidate is a compiled Keras model that trains by the function that
`Model.fit` itself calls, on the same batches in memory. All candidates live
in one process and take turns, a block of steps each, in an order that is
shuffled every round. What another process takes from the machine then hits
all of them alike, and their ratios survive it. Single wall times do not.
"""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.overhead.bars import AUTOCLIPS, REFERENCE
from benchmarks.overhead.candidates import CANDIDATES, Adam
from benchmarks.overhead.hook import BACKEND
from benchmarks.overhead.networks import NETWORKS, Network
from benchmarks.overhead.turns import Limits, Timed, interleave

# `benchmarks.long_run` goes on from here, to a million.
LONG_RUN, SHORT_RUN = 30_000, 10
LONG_CANDIDATES = (REFERENCE, *AUTOCLIPS[::2])


class Trainer:
    """A model that trains step by step, by the function that `fit` calls."""

    def __init__(self, network: Network, optimizer: Any, jit_compile: bool):
        self._x, self._y = network.batches()
        self._model = network.build()
        self._model.compile(optimizer, loss="mse", jit_compile=jit_compile)
        # What `fit` calls first. One step of `train_on_batch` would do as well, but
        # TensorFlow would compile all of it twice, half a minute for 100 variables.
        self._model._symbolic_build(data_batch=(self._x[0], self._y[0]))
        self._model.make_train_function()
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
        """Puts the optimizer back to where it was before its first step."""
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
    network: Network,
    jit_compile: bool,
    limits: Limits,
    log: Any,
    clock: Any,
    chosen: list[str],
) -> Timed:
    """Times one step of every chosen candidate on a network.

    The model that is built first in a process is about 5 % faster on
    TensorFlow than an equal one built later. An untimed one takes that place,
    so that no candidate does.

    Returns:
        As `interleave`, without the candidates that fail to train or never end to
        compile.
    """
    trainers = {}
    first = Trainer(network, CANDIDATES[REFERENCE](Adam), jit_compile)
    for candidate in chosen:
        log(f"building {candidate}")
        try:
            optimizer = CANDIDATES[candidate](Adam)
            trainers[candidate] = Trainer(network, optimizer, jit_compile)
        except Exception as error:  # One that fails must not cost the table.
            log(f"{candidate} fails: {type(error).__name__}: {error}")
    timed = interleave(trainers, network.steps, limits, log, clock)
    del first  # Until here it has kept its place in memory.
    return timed


def measure_long_run(jit_compile: bool, limits: Limits, log: Any, clock: Any) -> Timed:
    """Times the MLP's steps around the tenth and after `LONG_RUN` of them.

    Returns:
        As `interleave`; the names of the candidates that have run long end
        in ", late".
    """
    early, late = {}, {}
    network = NETWORKS["mlp"]
    for candidate in LONG_CANDIDATES:
        log(f"running {candidate} for {LONG_RUN} steps")
        make = CANDIDATES[candidate]
        early[candidate] = Trainer(network, make(Adam), jit_compile)
        late[f"{candidate}, late"] = Trainer(network, make(Adam), jit_compile)
        late[f"{candidate}, late"].run(LONG_RUN)

    def rewind(turn: int) -> None:
        if turn % 10 == 0:
            for trainer in early.values():
                trainer.rewind()
                trainer.run(SHORT_RUN)

    steps = network.steps
    return interleave({**early, **late}, steps, limits, log, clock, rewind)
