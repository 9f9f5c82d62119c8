"""Taking a whole update back, for `on_nonfinite="skip"`."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_gradclip._keras import BACKEND, accumulators_of, call_counter_of


def read(variable: Any) -> Any:
    """Returns a variable's value as of now, whatever is assigned later."""
    value = variable.value if isinstance(variable, keras.Variable) else variable
    if BACKEND == "tensorflow":
        # A tf.Variable would be read when it is used, after an assignment.
        return value.read_value()
    return value


class Undo:
    """All that an update is about to change, as it is before.

    A value is chosen for each variable after the update, and not one branch
    of two before it: `tf.distribute` allows no branch around an update.

    Args:
        optimizer: A built optimizer.
        weights: The variables that it is about to update.
    """

    def __init__(self, optimizer: Any, weights: Sequence[Any]):
        # The clipper's state takes care of itself.
        own = {id(v) for v in optimizer.clip_state.variables.values()}
        variables = [*weights, *(v for v in optimizer.variables if id(v) not in own)]
        self._guarded = variables
        self._before = [_copy(variable) for variable in variables]
        if optimizer.gradient_accumulation_steps:
            self._begin_accumulation_again(optimizer)

    def _begin_accumulation_again(self, optimizer: Any) -> None:
        """Lets the micro-batches after a skipped update make the next one.

        The sums so far are what was not finite, and cannot be gone on with.
        """
        sums = {id(v) for v in accumulators_of(optimizer)}
        for i, variable in enumerate(self._guarded):
            if id(variable) in sums:
                self._before[i] = ops.zeros_like(self._before[i])
            elif variable is call_counter_of(optimizer):
                self._before[i] -= optimizer.gradient_accumulation_steps - 1

    def unless(self, kept: Any) -> None:
        """Puts everything back unless `kept`, a bool scalar on the device."""
        if BACKEND == "tensorflow":
            _choose_on_every_replica(kept, self._guarded, self._before)
            return
        for variable, before in zip(self._guarded, self._before):
            variable.assign(ops.where(kept, variable.value, before))


def _copy(variable: Any) -> Any:
    value = read(variable)
    # On torch an assignment writes into the memory of the value.
    return value.detach().clone() if BACKEND == "torch" else value


def _choose_on_every_replica(
    kept: Any, variables: Sequence[Any], before: Sequence[Any]
) -> None:
    """Assigns as Keras does on TensorFlow: to each replica's copy its own."""
    import tensorflow as tf

    def choose(variable: Any, value: Any, kept: Any) -> Any:
        return variable.assign(tf.where(kept, variable, value))

    def update(strategy: Any, kept: Any, *values: Any) -> None:
        for variable, value in zip(variables, values):
            if isinstance(variable, keras.Variable):
                variable = variable.value
            strategy.extended.update(variable, choose, (value, kept), group=False)

    tf.__internal__.distribute.interim.maybe_merge_call(
        update, tf.distribute.get_strategy(), kept, *before
    )
