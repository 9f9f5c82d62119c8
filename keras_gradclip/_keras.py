"""Every private name that the package touches, each with its reason.

Keras offers no public place between "the gradient is final" and "the
gradient is applied", so clipping hangs on the hooks named here. Importing
this module checks that they exist, and a missing one raises an
`ImportError` that names the Keras version.
"""

import gc
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras

BACKEND: str = keras.backend.backend()
"""The active backend. It is fixed for the life of the process."""

UPDATE_HOOK = (
    "_all_reduce_sum_gradients" if BACKEND == "tensorflow" else "_backend_update_step"
)
"""The method through which the final gradients of an update pass.

TensorFlow sums over replicas inside `_backend_update_step`, so there the
gradient is final only after `_all_reduce_sum_gradients`. On the other
backends it is final when `_backend_update_step` begins.
"""

REQUIRED_HOOKS = (
    UPDATE_HOOK,
    "_get_variable_index",
    # Wraps `add_variable`'s naming, checks and tracking.
    "add_variable",
)

# The base class of everything that Keras saves. Only such an attribute of
# an optimizer gets a group of its own in a `.keras` or `.weights.h5` file.
# `keras.Layer` is one too, and public, but brings its call machinery.
KerasSaveable: Any = next(
    cls for cls in keras.Layer.__mro__ if cls.__name__ == "KerasSaveable"
)

# What a pickle of anything that Keras saves calls.
unpickle: Any = KerasSaveable._unpickle_model

# `Model(inputs, outputs)` is of this class, which has no public name.
# `__new__` alone looks at the number of arguments only.
Functional: Any = type(keras.Model.__new__(keras.Model, None, None))


# Whether a `keras.StatelessScope` is entered, which has no public name: the
# function that `value` of a variable asks itself.
in_stateless_scope: Any = keras.Variable.value.fget.__globals__["in_stateless_scope"]


class BeforeTraining:
    """Calls `self.before_training(method)` when "fit" or "train_on_batch" begins.

    The two begin with this check of Keras's, before they look at any data: a
    wrapper of each would take their signatures from editors.
    """

    def _assert_compile_called(self, method_name: str | None = None) -> None:
        super()._assert_compile_called(method_name)  # type: ignore[misc]
        if method_name in ("fit", "train_on_batch"):
            self.before_training(method_name)

    def before_training(self, method: str) -> None:
        raise NotImplementedError


class OnlyKerasLogsOnBatch:
    """Keeps the names in `self.added_logs` out of what `train_on_batch` returns.

    Keras makes a list of all logs there, which those who unpack it count.
    """

    added_logs: frozenset[str] = frozenset()

    def _flatten_metrics_in_order(self, logs: dict[str, Any]) -> Any:
        kept = {name: v for name, v in logs.items() if name not in self.added_logs}
        return super()._flatten_metrics_in_order(kept)  # type: ignore[misc]


def missing_hooks(optimizer_class: type) -> list[str]:
    """Returns the names in `REQUIRED_HOOKS` that `optimizer_class` lacks."""
    return [name for name in REQUIRED_HOOKS if not hasattr(optimizer_class, name)]


def check_hooks(optimizer_class: type = keras.optimizers.Optimizer) -> None:
    """Raises `ImportError` if Keras has moved a hook that clipping needs."""
    missing = missing_hooks(optimizer_class)
    if missing:
        raise ImportError(
            f"keras_gradclip does not support Keras {keras.__version__}: "
            f"`{optimizer_class.__name__}` has no {', '.join(missing)}. "
            "Install another version of keras, or a newer keras_gradclip."
        )


def bypasses_hook(optimizer: Any) -> bool:
    """Whether `optimizer` hands its gradients to other optimizers.

    `MultiOptimizer` is the one core class that does: its own hook is never
    called, those of its members are.
    """
    # The oldest supported Keras does not have it yet.
    return isinstance(optimizer, getattr(keras.optimizers, "MultiOptimizer", ()))


def weights_of(optimizer: Any) -> list[Any]:
    """The variables that an optimizer was built with, in that order."""
    variables: list[Any] = optimizer._trainable_variables
    return variables


def position_of(optimizer: Any, variable: Any) -> int:
    """Returns the position of `variable`, a `tf.Variable` included, in `build`."""
    position: int = optimizer._get_variable_index(variable)
    return position


def accumulators_of(optimizer: Any) -> list[Any]:
    """The sums of gradients over accumulation steps, where it has them."""
    return getattr(optimizer, "_accumulated_gradients", None) or []


def call_counter_of(optimizer: Any) -> Any:
    """The variable that counts calls; `iterations` counts updates."""
    return optimizer._iterations


def scope_of(optimizer: Any) -> AbstractContextManager[Any]:
    """The scope in which an optimizer's variables have to be made.

    In `build` Keras is in it already; a clipper may come later.
    """
    strategy = getattr(optimizer, "_distribution_strategy", None)
    return nullcontext() if strategy is None else strategy.scope()


def compile_again(optimizer: Any) -> None:
    """Makes models whose training step knows an older `optimizer` trace it anew."""
    for model in gc.get_objects():
        # Not `isinstance`, which asks lazy modules and the like to load.
        if not issubclass(type(model), keras.Model):
            continue
        theirs = getattr(model, "optimizer", None)
        is_traced = getattr(model, "train_function", None) is not None
        inner = getattr(theirs, "inner_optimizer", None)
        if is_traced and any(one is optimizer for one in (theirs, inner)):
            model.make_train_function(force=True)


def array_of(variable: Any) -> Any:
    """The array in which a variable keeps its value, or what stands for it.

    On torch `value` asks three times for settings that do not concern an
    optimizer's variables, which takes longer than what is done with a small one.
    """
    return variable.value if in_stateless_scope() else variable._value


def model_of(callback: Any) -> Any:
    """The callback's model, as it is; `callback.model` synchronises with JAX."""
    return callback._model


check_hooks()
