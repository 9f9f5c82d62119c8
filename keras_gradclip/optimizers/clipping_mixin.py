"""The one place where clipping hooks into Keras."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import is_
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from keras_gradclip import clippers
from keras_gradclip._keras import (
    BACKEND,
    position_of,
    unpickle,
    weights_of,
)
from keras_gradclip.clippers import Clipper
from keras_gradclip.optimizers.checks import (
    check_accumulation,
    check_fit,
    must_reach_hook,
    only_overwrites,
)
from keras_gradclip.optimizers.clip_state import ClipState
from keras_gradclip.optimizers.undo import Undo

# What a mixin inherits is decided by the class that it is mixed into.
if TYPE_CHECKING:
    _AnyOptimizer = keras.optimizers.Optimizer
else:
    _AnyOptimizer = object


class ClippingMixin(_AnyOptimizer):  # type: ignore[misc, valid-type]
    """Gives a Keras optimizer class the argument `clipper`.

    Use it to make a clipped version of your own optimizer class; for those
    of Keras there are named ones, such as `keras_gradclip.optimizers.Adam`,
    and for an instance there is `add_clipper`. It must come first:

    ```python
    @keras.saving.register_keras_serializable(package="my_package")
    class MyClippedOptimizer(ClippingMixin, MyOptimizer):
        pass

    optimizer = MyClippedOptimizer(1e-3, clipper=AutoClip())
    ```

    What is clipped is the gradient that will be applied: unscaled, averaged
    over accumulation steps, and summed over replicas. The clipper's state is
    part of `optimizer.variables`.

    Args:
        *args: The optimizer's own arguments.
        clipper: A `Clipper`, the name of one such as `"autoclip"`, a config,
            or `None` for no clipping. Defaults to `None`.
        **kwargs: The optimizer's own arguments.

    Raises:
        ValueError: If a clipper is given together with `clipnorm`,
            `clipvalue` or `global_clipnorm`, or for a `MultiOptimizer`.
    """

    clipper: Clipper | None
    clip_state: ClipState | None

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        for name in ("apply", "apply_gradients", "stateless_apply"):
            if name in vars(cls):
                setattr(cls, name, must_reach_hook(vars(cls)[name]))

    def __init__(self, *args: Any, clipper: Any = None, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.set_clipper(clipper)

    def set_clipper(self, clipper: Any) -> None:
        """Sets the clipper; to be called before the optimizer is built."""
        clipper = clippers.get(clipper)
        if clipper is not None:
            check_fit(self, clipper)
        self.clipper = clipper
        self.clip_state = None
        self._unit_axes_source: Callable[[], Any] | None = None

    def _set_unit_axes_source(
        self, source: Callable[[], Mapping[str, Sequence[int]]]
    ) -> None:
        """Sets the function that `build` asks for the model's unit axes."""
        self._unit_axes_source = source

    def build(self, variables: Sequence[Any]) -> None:
        if self.built:
            return
        super().build(variables)
        if self.clipper is None or not variables:
            return  # Keras builds for a model with nothing to train, too
        check_accumulation(self)
        source = self._unit_axes_source
        axes = source() if source is not None else None
        self.clip_state = ClipState(self, self.clipper, variables, axes)

    def apply(self, grads: Any, trainable_variables: Any = None) -> Any:
        if trainable_variables is not None:
            trainable_variables = list(trainable_variables)
        if self.clipper is None or not self.clipper.skips_nonfinite or len(grads) == 0:
            return self._apply_through_hook(grads, trainable_variables)
        if trainable_variables is not None:
            with keras.name_scope(self.name, caller=self):
                self.build(trainable_variables)
        state = _require_state(self)
        undo = Undo(self, trainable_variables or weights_of(self))
        result = self._apply_through_hook(grads, trainable_variables)
        undo.unless(kept=state.was_finite())
        return result

    def _apply_through_hook(self, grads: Any, trainable_variables: Any) -> Any:
        self._hook_called = False
        result = super().apply(grads, trainable_variables)
        if self.clipper is None or self._hook_called:
            return result
        # An accumulation step that updates nothing does not clip either.
        if not self.gradient_accumulation_steps and not only_overwrites(
            grads, trainable_variables or weights_of(self)
        ):
            raise RuntimeError(
                f"{type(self).__name__}.apply did not pass its gradients on "
                "to Keras's update step, so that they were not clipped. Call "
                "`super().apply(...)` in it."
            )
        self._hook_called = True  # nothing was left to clip
        return result

    # A base class may have its own of these, which ends in no `apply`.

    @must_reach_hook
    def apply_gradients(self, grads_and_vars: Any, *args: Any, **kwargs: Any) -> Any:
        return super().apply_gradients(grads_and_vars, *args, **kwargs)

    @must_reach_hook
    def stateless_apply(self, *args: Any, **kwargs: Any) -> Any:
        return super().stateless_apply(*args, **kwargs)

    if BACKEND == "tensorflow":

        def _all_reduce_sum_gradients(self, grads_and_vars: Any) -> Any:
            summed = super()._all_reduce_sum_gradients(grads_and_vars)
            gradients, variables = zip(*summed)
            return list(zip(self._clip(gradients, variables), variables))

    else:

        def _backend_update_step(
            self, grads: Any, trainable_variables: Any, learning_rate: Any
        ) -> None:
            clipped = self._clip(grads, trainable_variables)
            super()._backend_update_step(clipped, trainable_variables, learning_rate)

    def _clip(self, gradients: Sequence[Any], variables: Sequence[Any]) -> list[Any]:
        self._hook_called = True
        if self.clip_state is None:
            return list(gradients)
        weights = weights_of(self)
        if len(variables) == len(weights) and all(map(is_, variables, weights)):
            return self.clip_state.clip(gradients, weights, self.iterations)
        # Keras leaves out variables without a gradient, so positions shift.
        positions = [position_of(self, v) for v in variables]
        arranged: list[Any] = [None] * len(weights)
        for position, gradient in zip(positions, gradients):
            arranged[position] = gradient
        clipped = self.clip_state.clip(arranged, weights, self.iterations)
        return [clipped[position] for position in positions]

    def clip_history(self, since: int = 0) -> dict[str, np.ndarray]:
        """Returns what clipping did in the last updates, for plots and logs.

        Reads from the device; not meant for every step. The log holds the
        last 1,024 updates, fewer (at least 64) if there are many groups.

        Args:
            since: Int. The first update of interest, counted from 0.

        Returns:
            A dict of NumPy arrays. Of shape `(steps,)`: `"step"`, the
            updates that the log still holds, and `"grad_norm"` and
            `"grad_norm_clipped"`, the norm of the whole gradient before and
            after. Of shape `(steps, groups)`: `"norm"`, `"threshold"` and
            `"scale"`; the groups' names are `clip_groups`. In a step that
            was not finite, a norm is inf.
        """
        until = int(keras.ops.convert_to_numpy(self.iterations))
        return _require_state(self).log.history(since, until)

    @property
    def clip_groups(self) -> tuple[str, ...]:
        """The names of the groups, in the order of `clip_history`."""
        return _require_state(self).groups.names

    # Saving. A file holds the base optimizer's variables exactly as Keras
    # writes them; the clip state writes its own beside them.

    @property
    def variables(self) -> list[Any]:
        variables: list[Any] = super().variables
        if getattr(self, "_only_base_variables", False):
            own = {id(v) for v in _require_state(self).variables.values()}
            return [v for v in variables if id(v) not in own]
        return variables

    def save_own_variables(self, store: Any) -> None:
        with _only_base_variables(self):
            super().save_own_variables(store)

    def load_own_variables(self, store: Any) -> None:
        with _only_base_variables(self):
            if self.clip_state is None:
                super().load_own_variables(store)
                return
            # Where a file does not fit, Keras raises or warns, and goes on to
            # the clip state, which must not change alone.
            self.clip_state.optimizer_was_loaded = False
            super().load_own_variables(store)
            fits = len(store.keys()) == len(self.variables)
            self.clip_state.optimizer_was_loaded = fits

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        clipper = None if self.clipper is None else serialize(self.clipper)
        return {**super().get_config(), "clipper": clipper}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        with keras.saving.custom_object_scope(custom_objects or {}):
            clipper = clippers.get(config.get("clipper"))
        # Keras changes the dict that it is given.
        config = {**config, "clipper": clipper}
        return super().from_config(config, custom_objects)

    def __reduce__(self) -> Any:
        # A class made at run time cannot be found by name, which pickling
        # Keras's own classmethod would need.
        _, arguments = super().__reduce__()
        return unpickle, arguments


@contextmanager
def _only_base_variables(optimizer: Any) -> Iterator[None]:
    optimizer._only_base_variables = optimizer.clip_state is not None
    try:
        yield
    finally:
        optimizer._only_base_variables = False


def _require_state(optimizer: Any) -> ClipState:
    if optimizer.clip_state is None:
        built = "not been built for any variable"
        missing = "no clipper" if optimizer.clipper is None else built
        raise ValueError(
            f"The optimizer must be built and have a clipper; '{optimizer.name}' "
            f"has {missing}."
        )
    return optimizer.clip_state
