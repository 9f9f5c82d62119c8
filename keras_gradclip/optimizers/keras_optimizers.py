"""Keras's optimizers, each with the argument `clipper`."""

import inspect
from typing import TypeVar

import keras

from keras_gradclip.optimizers.clipping_mixin import ClippingMixin

__all__ = [
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "Muon",
    "Nadam",
    "RMSprop",
]

_EXAMPLE = """

    Takes every argument of `keras.optimizers.{name}`, and `clipper` besides:
    a `keras_gradclip.Clipper`, the name of one such as `"autoclip"`, or
    `None` for no clipping, which is the default. It is a
    `keras.optimizers.{name}` in every other respect. The arguments
    `clipnorm`, `clipvalue` and `global_clipnorm` exclude a clipper.

    Example:

    ```python
    optimizer = keras_gradclip.optimizers.{name}(clipper="autoclip")
    model.compile(optimizer, loss="mse")
    ```
    """


_Optimizer = TypeVar("_Optimizer")


def _base(public: type[_Optimizer]) -> type[_Optimizer]:
    """Returns the class that Keras makes an instance of for `public`.

    On torch that is a faster subclass, which `__new__` picks. `__init__` is
    not called: it would make variables, and with them start the backend.
    """
    return type(public.__new__(public))


_Twin = TypeVar("_Twin", bound=type)


def _twin(cls: _Twin) -> _Twin:
    """Completes a twin: docstring, signature, registration."""
    parameter = inspect.Parameter(
        "clipper", inspect.Parameter.KEYWORD_ONLY, default=None
    )
    base = inspect.signature(getattr(keras.optimizers, cls.__name__).__init__)
    parameters = list(base.parameters.values())
    position = len(parameters) - any(p.kind is p.VAR_KEYWORD for p in parameters)
    parameters.insert(position, parameter)
    # The first is `self`, which a class's signature does not show.
    cls.__signature__ = inspect.Signature(parameters[1:])  # type: ignore[attr-defined]
    cls.__doc__ = (cls.__doc__ or "") + _EXAMPLE.format(name=cls.__name__)
    register = keras.saving.register_keras_serializable(package="keras_gradclip")
    twin: _Twin = register(cls)
    return twin


@_twin
class SGD(ClippingMixin, _base(keras.optimizers.SGD)):
    """Gradient descent, with or without momentum, with adaptive clipping."""


@_twin
class Adam(ClippingMixin, _base(keras.optimizers.Adam)):
    """Adam with adaptive gradient clipping."""


@_twin
class AdamW(ClippingMixin, _base(keras.optimizers.AdamW)):
    """Adam with decoupled weight decay and adaptive gradient clipping."""


@_twin
class RMSprop(ClippingMixin, _base(keras.optimizers.RMSprop)):
    """RMSprop with adaptive gradient clipping."""


@_twin
class Adadelta(ClippingMixin, _base(keras.optimizers.Adadelta)):
    """Adadelta with adaptive gradient clipping."""


@_twin
class Adagrad(ClippingMixin, _base(keras.optimizers.Adagrad)):
    """Adagrad with adaptive gradient clipping."""


@_twin
class Adamax(ClippingMixin, _base(keras.optimizers.Adamax)):
    """Adamax with adaptive gradient clipping."""


@_twin
class Adafactor(ClippingMixin, _base(keras.optimizers.Adafactor)):
    """Adafactor with adaptive gradient clipping."""


@_twin
class Nadam(ClippingMixin, _base(keras.optimizers.Nadam)):
    """Nadam with adaptive gradient clipping."""


@_twin
class Ftrl(ClippingMixin, _base(keras.optimizers.Ftrl)):
    """FTRL with adaptive gradient clipping."""


@_twin
class Lion(ClippingMixin, _base(keras.optimizers.Lion)):
    """Lion with adaptive gradient clipping."""


@_twin
class Lamb(ClippingMixin, _base(keras.optimizers.Lamb)):
    """LAMB with adaptive gradient clipping."""


@_twin
class Muon(ClippingMixin, _base(keras.optimizers.Muon)):
    """Muon with adaptive gradient clipping.

    Where a kernel's update is orthogonalized, its size does not depend on the
    gradient's: a clip of the whole gradient only changes the momentum's mix of
    steps. But a threshold that falls far towards 0 stalls it without a word:
    Newton-Schulz divides by the norm plus 1e-7. Clip what Muon's inner Adam
    trains (`include=`), or spikes only (`ZClip`, `AutoClip(99)`).
    """


# Not yet in the oldest Keras that the package supports.
if hasattr(keras.optimizers, "ScheduleFreeAdamW"):

    @_twin
    class ScheduleFreeAdamW(ClippingMixin, _base(keras.optimizers.ScheduleFreeAdamW)):
        """Schedule-free AdamW with adaptive gradient clipping."""

    __all__ += ["ScheduleFreeAdamW"]


# `add_clipper` looks up what to make of an instance: its class is the one that
# comes after the mixin.
TWINS: dict[type, type] = {
    globals()[name].__bases__[1]: globals()[name] for name in __all__
}
