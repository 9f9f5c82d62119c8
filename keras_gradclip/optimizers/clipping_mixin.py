"""The one place where clipping hooks into Keras."""

from collections.abc import Callable, Mapping, Sequence
from operator import is_
from typing import Any

import keras
import numpy as np

from keras_gradclip import clippers
from keras_gradclip._keras import (
    BACKEND,
    compile_again,
    position_of,
    weights_of,
)
from keras_gradclip.clippers import Clipper
from keras_gradclip.optimizers.checks import (
    KERAS_CLIPPING,
    check_accumulation,
    check_fit,
    must_reach_hook,
    only_overwrites,
)
from keras_gradclip.optimizers.clip_state import ClipState
from keras_gradclip.optimizers.saving import SavedWithClipper
from keras_gradclip.optimizers.undo import Undo


class ClippingMixin(SavedWithClipper):
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

    While it trains, the clipper's numbers can be changed, as a learning rate
    can, from a callback or a notebook and on every backend:

    ```python
    optimizer.clipper.percentile = 20
    ```

    They are saved with the optimizer. What cannot be changed once it is built,
    such as the scope, is refused. `reset_clip_state()` begins the history afresh.

    Args:
        *args: The optimizer's own arguments.
        clipper: A `Clipper`, the name of one such as `"autoclip"`, a config,
            or `None` for no clipping. Defaults to `None`.
        **kwargs: The optimizer's own arguments.

    Raises:
        ValueError: If a clipper is given together with `clipnorm`,
            `clipvalue` or `global_clipnorm`, or for a `MultiOptimizer`.
    """

    _unit_axes_source: Callable[[], Any] | None = None

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        for name in ("apply", "apply_gradients", "stateless_apply"):
            if name in vars(cls):
                setattr(cls, name, must_reach_hook(vars(cls)[name]))

    def __init__(self, *args: Any, clipper: Any = None, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.clipper = clipper

    @property
    def clipper(self) -> Clipper | None:
        """The clipper; once the optimizer is built, with settable numbers.

        An optimizer without one may be given one at any time. One that has
        begun to clip keeps it: the history is of that clipper.
        """
        return self._clipper if self.clip_state is None else self.clip_state.clipper

    @clipper.setter
    def clipper(self, clipper: Any) -> None:
        if self.clip_state is not None:
            if clipper is self.clip_state.clipper:
                return
            raise ValueError(
                "`clipper` cannot be replaced once the optimizer is built: its "
                "history is of that clipper. Change a number of it, as in "
                "`optimizer.clipper.percentile = 20`, or make a new optimizer. "
                f"Received: clipper={clipper!r}, optimizer.clipper={self.clipper!r}"
            )
        clipper = clippers.get(clipper)
        if clipper is not None:
            check_fit(self, clipper)
        self._clipper = clipper
        if clipper is None or not self.built or not weights_of(self):
            return
        try:
            self._begin_to_clip(clipper, weights_of(self))
        except ValueError:
            self._clipper = None
            raise
        compile_again(self)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in KERAS_CLIPPING and value is not None and self.clip_state is not None:
            raise ValueError(
                f"`{name}` must be None beside a clipper: the gradient would be "
                f"clipped twice. Received: {name}={value!r}, clipper={self.clipper!r}"
            )
        super().__setattr__(name, value)

    def _set_unit_axes_source(
        self, source: Callable[[], Mapping[str, Sequence[int]]]
    ) -> None:
        """Sets the function that `build` asks for the model's unit axes."""
        self._unit_axes_source = source

    def build(self, variables: Sequence[Any]) -> None:
        if self.built:
            return
        if self._clipper is not None:
            check_fit(self, self._clipper)
        super().build(variables)
        if self._clipper is not None and variables:
            # Keras builds for a model with nothing to train, too.
            self._begin_to_clip(self._clipper, variables)

    def _begin_to_clip(self, clipper: Clipper, variables: Sequence[Any]) -> None:
        check_accumulation(self)
        source = self._unit_axes_source
        axes = source() if source is not None else None
        self.clip_state = ClipState(self, clipper, variables, axes)

    def reset_clip_state(self) -> None:
        """Begins the clipping history and its log afresh.

        Use it where what was learned from past norms no longer holds: other
        data, another loss, a layer that was unfrozen. Weights, slots and the
        clipper's numbers stay.

        Raises:
            ValueError: If there is no history yet.
        """
        _require_state(self).reset()

    def apply(self, grads: Any, trainable_variables: Any = None) -> Any:
        if trainable_variables is not None:
            trainable_variables = list(trainable_variables)
        if (
            self._clipper is None
            or not (self._clipper.skips_nonfinite or self._clipper.skips_spikes)
            or len(grads) == 0
        ):
            return self._apply_through_hook(grads, trainable_variables)
        if trainable_variables is not None:
            with keras.name_scope(self.name, caller=self):
                self.build(trainable_variables)
        state = _require_state(self)
        undo = Undo(self, trainable_variables or weights_of(self))
        result = self._apply_through_hook(grads, trainable_variables)
        undo.unless(kept=state.was_taken())
        return result

    def _apply_through_hook(self, grads: Any, trainable_variables: Any) -> Any:
        self._hook_called = False
        result = super().apply(grads, trainable_variables)
        if self._clipper is None or self._hook_called:
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


def _require_state(optimizer: Any) -> ClipState:
    if optimizer.clip_state is None:
        built = "not been built for any variable"
        missing = "no clipper" if optimizer.clipper is None else built
        raise ValueError(
            f"The optimizer must be built and have a clipper; '{optimizer.name}' "
            f"has {missing}."
        )
    return optimizer.clip_state
