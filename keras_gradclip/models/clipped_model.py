"""A model that gives its optimizer a clipper and logs what it does."""

from typing import Any

import keras
from keras import ops

from keras_gradclip._keras import BACKEND, Functional
from keras_gradclip.optimizers import clipped, find_clipped
from keras_gradclip.unit_axes import unit_axes_of


@keras.saving.register_keras_serializable(package="keras_gradclip")
class ClippedModel(keras.Model):
    """A `keras.Model` with adaptive gradient clipping in `fit`.

    Use it to see the norm, the threshold and the scale of each step in the
    progress bar and in every logger, or to clip with an optimizer given by
    name. The clipping itself is the optimizer's; with a plain `keras.Model`,
    pass `keras_gradclip.optimizers.Adam(clipper=...)` and `ClipMonitor`.

    It is used as `keras.Model` is: `ClippedModel(inputs, outputs)`, as a
    base class, or, placed first, as a mixin beside another model class. An
    `AGC` clipper at scope "unit" learns the axes of the units from the
    model's layers.

    `train_step` adds to the logs, without a host synchronisation:

    - `grad_norm`: the norm of the whole gradient before clipping, inf in a
      step that was not finite;
    - `clip_threshold`: the threshold, the mean over groups;
    - `clip_scale`: the factor applied, the mean over groups.

    As with every value that is not a metric, Keras shows the last step's at
    the end of an epoch; for means over the epoch add a `ClipMonitor`.

    Example:

    ```python
    inputs = keras.Input((8,))
    model = ClippedModel(inputs, keras.layers.Dense(1)(inputs))
    model.compile(optimizer="adam", loss="mse", clipper="autoclip")
    ```
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        if _are_keras_tensors(args, kwargs):
            cls = _functional_variant(cls)
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any):
        # A subclass that builds its inputs and outputs in its own
        # constructor; Keras would change the base of the class itself, for
        # every other subclass too.
        if _are_keras_tensors(args, kwargs):
            self.__class__ = _functional_variant(type(self))
        super().__init__(*args, **kwargs)

    def compile(
        self, optimizer: Any = "rmsprop", *args: Any, clipper: Any = None, **kwargs: Any
    ) -> None:
        """Configures the model for training.

        Args:
            optimizer: A Keras optimizer or the name of one.
            *args: As for `keras.Model.compile`.
            clipper: A `Clipper`, the name of one, or a config. `None` keeps
                the clipper that the optimizer has; one without gets
                `AutoClip()`. Defaults to `None`.
            **kwargs: As for `keras.Model.compile`.

        Raises:
            ValueError: If the optimizer has a clipper and another is given.
        """
        if optimizer is not None:
            optimizer = keras.optimizers.get(optimizer)
            found = find_clipped(optimizer)
            if clipper is not None or found is None:
                clipped(optimizer, "autoclip" if clipper is None else clipper)
                found = find_clipped(optimizer)
            found.set_unit_axes_source(lambda: unit_axes_of(self))
        super().compile(optimizer, *args, **kwargs)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles a loaded model; its optimizer has its clipper already."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.optimizer is not None and self.built:
            self.optimizer.build(self.trainable_variables)

    def fit(self, *args: Any, **kwargs: Any) -> Any:
        """Trains the model, as `keras.Model.fit` does.

        Raises:
            ValueError: Under a `MultiWorkerMirroredStrategy` with several
                workers, where Keras cannot do it.
        """
        _check_workers(self, "fit")
        return super().fit(*args, **kwargs)

    def train_on_batch(self, *args: Any, **kwargs: Any) -> Any:
        """Trains on one batch, as `keras.Model.train_on_batch` does.

        Raises:
            ValueError: Where `fit` does.
        """
        _check_workers(self, "train_on_batch")
        return super().train_on_batch(*args, **kwargs)

    if BACKEND == "jax":

        def train_step(self, state: Any, data: Any) -> Any:
            logs, state = super().train_step(state, data)
            return {**logs, **self._clip_logs(state[2])}, state

    else:

        def train_step(self, data: Any) -> Any:  # type: ignore[misc]
            logs = super().train_step(data)
            return {**logs, **self._clip_logs()}

    def _clip_logs(self, optimizer_variables: Any = ()) -> dict[str, Any]:
        optimizer = find_clipped(self.optimizer)
        if optimizer.clip_state is None:
            return {}  # nothing is trained
        values = zip(self.optimizer.variables, optimizer_variables)
        with keras.StatelessScope(state_mapping=list(values) or None):
            return _summarize(optimizer)


def _check_workers(model: Any, method: str) -> None:
    """Raises where Keras fails with an error that names no way out."""
    if BACKEND != "tensorflow":
        return
    import tensorflow as tf

    strategy = model.distribute_strategy
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return
    replicas, here = strategy.num_replicas_in_sync, strategy.extended.worker_devices
    if replicas > len(here):
        raise ValueError(
            f"`{method}` must not be called under a MultiWorkerMirroredStrategy "
            "with several workers: Keras cannot average its logs over them "
            "(keras-team/keras issue 20585). Train in a loop of your own, with "
            "`strategy.run` and `optimizer.apply`, or on the JAX backend with "
            f"`keras.distribution`. Received: replicas={replicas}, of which "
            f"{len(here)} on this worker"
        )


def _summarize(optimizer: Any) -> dict[str, Any]:
    """Returns the last step's record over all groups, on the device."""
    norms, thresholds, scales = optimizer.clip_state.last_row(optimizer.iterations)
    whole = norms[optimizer.clip_state.groups.whole]
    norm = ops.sqrt(ops.sum(ops.square(whole)))
    return {
        "grad_norm": ops.where(ops.isnan(norm), float("inf"), norm),
        "clip_threshold": ops.mean(thresholds),
        "clip_scale": ops.mean(scales),
    }


def _are_keras_tensors(args: Any, kwargs: dict[str, Any]) -> bool:
    """Whether a constructor is called with inputs and outputs."""
    given = keras.tree.flatten([args[:2], kwargs.get("inputs"), kwargs.get("outputs")])
    return any(isinstance(value, keras.KerasTensor) for value in given)


_variants: dict[type, type] = {}


def _functional_variant(cls: type) -> type:
    """Returns the subclass of `cls` that is a functional model as well."""
    if issubclass(cls, Functional):
        return cls
    if cls not in _variants:
        contents = {"__module__": cls.__module__, "__doc__": cls.__doc__}
        variant = type(cls.__name__, (cls, Functional), contents)
        name = keras.saving.get_registered_name(cls)
        if ">" in name:
            # Saved under the name of `cls`, to which that name leads back.
            package, _, name = name.partition(">")
            register = keras.saving.register_keras_serializable(package, name)
            register(variant)
            register(cls)
        _variants[cls] = variant
    return _variants[cls]
