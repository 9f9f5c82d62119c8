"""Taking a whole update back: one that a clipper skips."""

from collections.abc import Sequence
from typing import Any

from keras_gradclip._backend import backend, ops
from keras_gradclip._keras import accumulators_of, call_counter_of


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
        self._before = [backend.copy(variable) for variable in variables]
        if optimizer.gradient_accumulation_steps:
            self._begin_accumulation_again(optimizer)

    def _begin_accumulation_again(self, optimizer: Any) -> None:
        """Lets the micro-batches after a skipped update make the next one.

        The sums so far are what was skipped, and cannot be gone on with.
        """
        sums = {id(v) for v in accumulators_of(optimizer)}
        for i, variable in enumerate(self._guarded):
            if id(variable) in sums:
                self._before[i] = ops.zeros_like(self._before[i])
            elif variable is call_counter_of(optimizer):
                self._before[i] -= optimizer.gradient_accumulation_steps - 1

    def unless(self, kept: Any) -> None:
        """Puts everything back unless `kept`, a bool scalar on the device."""
        backend.restore_unless(kept, self._guarded, self._before)
