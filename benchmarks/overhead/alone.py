"""Times the clip alone, without a training step around it.

Each candidate is mixed into an optimizer whose update does nothing, and called
where Keras would call it. Gradients change their size from step to step, so that
some are clipped and some are not.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from benchmarks.overhead.bars import CLIPVALUE, FLOORED, floor_of
from benchmarks.overhead.candidates import CANDIDATES, LEARNING_RATE
from benchmarks.overhead.hook import BACKEND
from benchmarks.overhead.networks import BATCHES, Network
from benchmarks.overhead.peers import peers
from benchmarks.overhead.turns import Limits, Timed, interleave


class Idle(keras.optimizers.Optimizer):
    """Keeps the gradients that it is given to apply, and applies none."""

    def __init__(self, learning_rate: Any = LEARNING_RATE, **kwargs: Any):
        super().__init__(learning_rate, **kwargs)

    def _backend_update_step(
        self, grads: Any, trainable_variables: Any, learning_rate: Any
    ) -> None:
        self.received = grads


def choose(names: Sequence[str]) -> list[str]:
    """Returns those that have a rival; the peer first, if there is one."""
    # Keras's own clips before any hook: there it cannot be timed alone.
    rivals = [*peers(), *FLOORED, *map(floor_of, FLOORED)]
    return [name for name in rivals if name in names and name != CLIPVALUE]


class Clip:
    """One candidate's clip of a network's gradients."""

    def __init__(self, network: Network, candidate: Callable[[type], Any]):
        self._variables = network.build().trainable_variables
        self._optimizer = candidate(Idle)
        self._optimizer.build(self._variables)
        numbers = np.random.default_rng(0)
        sizes = np.exp(numbers.normal(size=BATCHES)) * 0.01
        shapes = [v.shape for v in self._variables]
        batches = [[s * numbers.normal(size=n) for n in shapes] for s in sizes]
        tensors = [[_tensor(g) for g in gradients] for gradients in batches]
        self._gradients = itertools.cycle(tensors)
        self._call = _CALLS[BACKEND](self._optimizer, self._variables)

    def run(self, steps: int) -> None:
        """Clips `steps` times and waits until it is done."""
        for _ in range(steps):
            result = self._call(next(self._gradients))
        if BACKEND == "jax":
            result[0].block_until_ready()


def _tensor(values: np.ndarray) -> Any:
    return keras.ops.convert_to_tensor(values.astype("float32"))


def _torch_call(optimizer: Any, variables: Sequence[Any]) -> Callable[..., Any]:
    import torch

    parameters = [variable.value for variable in variables]
    # As after `backward`, gradients are the parameters' own. Some clip in place:
    # each call gets fresh values, at a price that is the same for all.
    for parameter in parameters:
        parameter.grad = torch.zeros_like(parameter)
    own = [parameter.grad for parameter in parameters]

    def call(gradients: Sequence[Any]) -> None:
        with torch.no_grad():
            torch._foreach_copy_(own, gradients)
            optimizer._backend_update_step(own, variables, LEARNING_RATE)

    return call


def _jax_call(optimizer: Any, variables: Sequence[Any]) -> Callable[..., Any]:
    import jax

    def clip(gradients: Any, state: Any) -> Any:
        mapping = list(zip(optimizer.variables, state))
        with keras.StatelessScope(state_mapping=mapping) as scope:
            optimizer._backend_update_step(gradients, variables, LEARNING_RATE)
        state = [scope.get_current_value(v) for v in optimizer.variables]
        return list(optimizer.received), state

    compiled = jax.jit(clip, donate_argnums=1)
    state = [jax.numpy.array(v.value) for v in optimizer.variables]

    def call(gradients: Sequence[Any]) -> Any:
        nonlocal state
        clipped, state = compiled(gradients, state)
        return clipped

    return call


def _tensorflow_call(optimizer: Any, variables: Sequence[Any]) -> Callable[..., Any]:
    import tensorflow as tf

    values = [variable.value for variable in variables]

    @tf.function
    def call(gradients: Any) -> Any:
        pairs = optimizer._all_reduce_sum_gradients(list(zip(gradients, values)))
        return [gradient for gradient, _ in pairs]

    return call


_CALLS = {"tensorflow": _tensorflow_call, "jax": _jax_call, "torch": _torch_call}


def measure_alone(
    network: Network, limits: Limits, log: Any, clock: Any, chosen: list[str]
) -> Timed:
    """Times each chosen candidate's clip; of candidates, as `interleave` returns."""
    clips = {}
    for name in chosen:
        log(f"building {name}")
        clips[name] = Clip(network, CANDIDATES[name])
        clips[name].run(len(FLOORED))
    return interleave(clips, network.steps, limits, log, clock)
