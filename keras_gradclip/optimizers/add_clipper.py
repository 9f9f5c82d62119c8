"""Clipping for an optimizer that exists already, of any class."""

from typing import Any

import keras

from keras_gradclip.optimizers.clipping_mixin import ClippingMixin
from keras_gradclip.optimizers.keras_optimizers import TWINS


def add_clipper(optimizer: Any, clipper: Any = "autoclip") -> Any:
    """Gives an optimizer a clipper, and returns it.

    Use it for an optimizer of your own, one that some function returned, or
    one that has trained already, as that of a loaded model: its slots and
    `iterations` stay, and the history begins with the next step. A training
    function of your own that was compiled before does not learn of it.
    The instance keeps its hyper-parameters and everything set on it, such
    as `exclude_from_weight_decay`; only its class changes, to a subclass. A
    `LossScaleOptimizer` gets the clipper inside, where gradients are
    unscaled.

    Args:
        optimizer: A Keras optimizer, or the name of one such as `"adam"`.
        clipper: A `Clipper`, the name of one, or a config. Defaults to
            `"autoclip"`.

    Returns:
        The same object, now a `ClippingMixin` (or holding one).

    Raises:
        ValueError: If the optimizer has a clipper, if it is a
            `MultiOptimizer`, or if it has `clipnorm`, `clipvalue` or
            `global_clipnorm` set.

    Example:

    ```python
    optimizer = add_clipper(keras.optimizers.Adam(1e-3), AutoClip(percentile=10))
    model.compile(optimizer, loss="mse")
    ```
    """
    return give_clipper(optimizer, clipper)


def give_clipper(optimizer: Any, clipper: Any, unit_axes_source: Any = None) -> Any:
    """As `add_clipper`, for a model that knows the axes of its units."""
    if isinstance(optimizer, str):
        optimizer = keras.optimizers.get(optimizer)
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        raise ValueError(
            "`optimizer` must be a Keras optimizer or the name of one. "
            f"Received: optimizer={optimizer!r}"
        )
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        give_clipper(optimizer.inner_optimizer, clipper, unit_axes_source)
        return optimizer
    if getattr(optimizer, "clipper", None) is not None:
        raise ValueError(
            "`optimizer` must not have a clipper yet. "
            f"Received: optimizer.clipper={optimizer.clipper!r}"
        )
    before = optimizer.__class__
    if not isinstance(optimizer, ClippingMixin):
        optimizer.__class__ = TWINS.get(before) or _subclass(before)
    if unit_axes_source is not None:
        optimizer._set_unit_axes_source(unit_axes_source)
    try:
        optimizer.clipper = clipper
    except ValueError:
        optimizer.__class__ = before
        raise
    return optimizer


def find_clipped(optimizer: Any) -> Any:
    """Returns the clipped optimizer in `optimizer`, itself or inside, or None.

    It does not look into a `MultiOptimizer`: `find_all_clipped` does.
    """
    if getattr(optimizer, "clipper", None) is not None:
        return optimizer
    inner = getattr(optimizer, "inner_optimizer", None)
    return None if inner is None else find_clipped(inner)


_register = keras.saving.register_keras_serializable(
    package="keras_gradclip", name="Clipped"
)


@_register
class ClippedOptimizer(ClippingMixin):
    """What `add_clipper` makes of an optimizer that has no named twin.

    Its config holds the optimizer's own class, which must be registered
    with Keras, as for any saved custom class.
    """

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        clipper = serialize(self.clipper)
        cls = type(self)
        # Keras serializes an object by its class: the base's, here.
        self.__class__ = _base_of(cls)
        try:
            return {"optimizer": serialize(self), "clipper": clipper}
        finally:
            self.__class__ = cls

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        optimizer = keras.saving.deserialize_keras_object(
            config["optimizer"], custom_objects=custom_objects
        )
        return add_clipper(optimizer, config["clipper"])


_subclasses: dict[type, type] = {}


def _base_of(cls: type) -> type:
    return next(base for base, clipped in _subclasses.items() if clipped is cls)


def _subclass(base: type) -> type:
    """Makes the clipped subclass of an optimizer class, once for each."""
    if base not in _subclasses:
        name = f"Clipped{base.__name__}"
        cls = type(name, (ClippedOptimizer, base), {"__doc__": base.__doc__})
        _subclasses[base] = _register(cls)
    return _subclasses[base]
