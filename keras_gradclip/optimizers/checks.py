"""What `ClippingMixin` checks before it builds, and after an update."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

from keras_gradclip._backend import backend
from keras_gradclip._keras import bypasses_hook, check_hooks
from keras_gradclip.clippers import Clipper

KERAS_CLIPPING = ("clipnorm", "clipvalue", "global_clipnorm")
"""Keras's own arguments for clipping."""


def check_fit(optimizer: Any, clipper: Clipper) -> None:
    """Raises `ValueError` if the two do not go together."""
    check_hooks(type(optimizer))
    for name in KERAS_CLIPPING:
        if getattr(optimizer, name) is not None:
            raise ValueError(
                f"`clipper` and `{name}` must not be given together: the "
                f"gradient would be clipped twice. Received: clipper={clipper!r}, "
                f"{name}={getattr(optimizer, name)}"
            )
    if bypasses_hook(optimizer):
        raise ValueError(
            "`clipper` must be given to the members of a MultiOptimizer, not to "
            f"the MultiOptimizer. Received: clipper={clipper!r}"
        )


def check_accumulation(optimizer: Any) -> None:
    """Raises where Keras cannot accumulate gradients over replicas."""
    replicas = backend.replicas_to_sum()
    if optimizer.gradient_accumulation_steps and replicas > 1:
        raise ValueError(
            "`gradient_accumulation_steps` must be None on several replicas: "
            "Keras cannot accumulate under a tf.distribute strategy "
            "(keras-team/keras issue 20582). Received: gradient_accumulation_"
            f"steps={optimizer.gradient_accumulation_steps}, replicas={replicas}"
        )


def only_overwrites(grads: Sequence[Any], variables: Sequence[Any]) -> bool:
    """Whether every gradient is a new value, as for the scales of float8."""
    return all(
        getattr(variable, "overwrite_with_gradient", False)
        for gradient, variable in zip(grads, variables)
        if gradient is not None
    )


def must_reach_hook(method: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a method that raises where `method` updates past the clipper.

    For whatever a class may override of what Keras calls for an update; that
    it does not go on to Keras's own shows only afterwards.
    """

    @functools.wraps(method)
    def checked(self: Any, *args: Any, **kwargs: Any) -> Any:
        self._hook_called = False
        result = method(self, *args, **kwargs)
        # An accumulation step that updates nothing does not clip either.
        passed = self._hook_called or self.gradient_accumulation_steps
        if self.clipper is not None and not passed:
            raise RuntimeError(
                f"{type(self).__name__}.{method.__name__} did not pass its "
                "gradients on to Keras's update step, so that they were not "
                f"clipped. Call `super().{method.__name__}(...)` in it."
            )
        return result

    return checked
