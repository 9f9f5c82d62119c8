"""An optimizer at work on four small variables, compiled, for the fuzz test.

It is made once for each rule and number of replicas, and put back to its
beginning for each example: to compile takes longer than all the rest.
"""

import functools
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from helpers.replicas import mirrored
from helpers.stepping import SHAPES, variable
from helpers.training import BACKEND
from rules import RULES

from keras_gradclip import optimizers

REPLICAS = (1, 2) if BACKEND == "tensorflow" else (1,)


def scope_of(rule: str) -> str:
    """One scope for each rule, all of them in turn."""
    scopes = RULES[rule].scopes
    return scopes[list(RULES).index(rule) % len(scopes)]


@functools.cache
def machine(rule: str, replicas: int) -> "Machine":
    if replicas == 1:
        return Machine(rule)
    with mirrored(replicas).scope():
        return MirroredMachine(rule, replicas)


class Machine:
    """Applies gradients, on one device."""

    def __init__(self, rule: str):
        values = np.random.default_rng(7)
        self.variables = [variable(p, values.normal(size=s)) for p, s in SHAPES.items()]
        clipper = RULES[rule].make("tight", scope=scope_of(rule))
        self.optimizer = optimizers.SGD(1.0, clipper=clipper)
        self.optimizer.build(self.variables)
        self._step = self._compiled()
        self._beginning = self.state

    def _compiled(self) -> Any:
        if BACKEND == "jax":
            import jax

            return jax.jit(self._stateless)
        if BACKEND == "tensorflow":
            import tensorflow as tf

            return tf.function(self._apply)
        return self._apply

    def _apply(self, gradients: Sequence[Any]) -> None:
        self.optimizer.apply(list(gradients), self.variables)

    def _stateless(self, gradients: Any, weights: Any, slots: Any) -> Any:
        return self.optimizer.stateless_apply(slots, gradients, weights)

    def apply(self, gradients: Sequence[np.ndarray | None]) -> None:
        """Makes one update; `None` for a variable that is frozen."""
        to_tensor = keras.ops.convert_to_tensor
        tensors = [None if g is None else to_tensor(g, "float32") for g in gradients]
        self._update(tensors)

    def _update(self, gradients: list[Any]) -> None:
        if BACKEND != "jax":
            self._step(gradients)
            return
        lists = self.variables, self.optimizer.variables
        values = [[v.value for v in variables] for variables in lists]
        for variables, new in zip(lists, self._step(gradients, *values)):
            for one, value in zip(variables, new):
                one.assign(value)

    def begin(self) -> None:
        self.state = self._beginning

    @property
    def weights(self) -> list[np.ndarray]:
        return [keras.ops.convert_to_numpy(v) for v in self.variables]

    @property
    def state(self) -> dict[str, Any]:
        """What a file would hold, and the weights."""
        stores: dict[str, Any] = {"optimizer": {}, "clipper": {}}
        self.optimizer.save_own_variables(stores["optimizer"])
        self.optimizer.clip_state.save_own_variables(stores["clipper"])
        stores["weights"] = [w.copy() for w in self.weights]
        return {
            name: {k: np.array(v) for k, v in store.items()}
            if isinstance(store, dict)
            else store
            for name, store in stores.items()
        }

    @state.setter
    def state(self, stores: dict[str, Any]) -> None:
        self.optimizer.load_own_variables(stores["optimizer"])
        self.optimizer.clip_state.load_own_variables(stores["clipper"])
        for one, value in zip(self.variables, stores["weights"]):
            one.assign(value)


class MirroredMachine(Machine):
    """Applies gradients as several replicas do, each its share."""

    def __init__(self, rule: str, replicas: int):
        self.strategy = mirrored(replicas)
        super().__init__(rule)

    def _compiled(self) -> Any:
        import tensorflow as tf

        def step(gradients: Sequence[Any]) -> None:
            self.strategy.run(self._apply_share, args=(gradients,))

        return tf.function(step)

    def _apply_share(self, gradients: Sequence[Any]) -> None:
        import tensorflow as tf

        # Shares that are not alike: 3/4 and 1/4.
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        share = 0.75 - 0.5 * tf.cast(replica, "float32")
        self._apply([None if g is None else share * g for g in gradients])
