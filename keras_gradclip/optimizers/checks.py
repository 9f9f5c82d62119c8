"""What `ClippingMixin` checks before it builds, and after an update."""

from collections.abc import Sequence
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
