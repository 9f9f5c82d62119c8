"""A clip written by somebody else, in the place where Keras calls ours."""

from collections.abc import Sequence
from typing import Any

import keras

BACKEND = keras.backend.backend()

# What a mixin inherits is decided by the class that it is mixed into.
_AnyOptimizer: Any = object


class Hook(_AnyOptimizer):
    """Gives an optimizer a clip, as `ClippingMixin` does but without its checks."""

    def clip(self, gradients: Sequence[Any], variables: Sequence[Any]) -> Sequence[Any]:
        """Returns the clipped gradients; on torch it may clip them in place."""
        raise NotImplementedError

    def build(self, variables: Sequence[Any]) -> None:
        if not self.built:
            super().build(variables)
            self.prepare(variables)

    def prepare(self, variables: Sequence[Any]) -> None:
        """Makes once what every step needs."""

    if BACKEND == "tensorflow":

        def _all_reduce_sum_gradients(self, grads_and_vars: Any) -> Any:
            summed = super()._all_reduce_sum_gradients(grads_and_vars)
            gradients, variables = zip(*summed)
            return list(zip(self.clip(gradients, variables), variables))

    else:

        def _backend_update_step(
            self, grads: Any, trainable_variables: Any, learning_rate: Any
        ) -> None:
            clipped = self.clip(grads, trainable_variables)
            super()._backend_update_step(clipped, trainable_variables, learning_rate)
