"""A model that gives its optimizer a clipper and logs what it does."""

import warnings
from typing import Any, Literal

import keras
from keras import ops

from keras_gradclip._backend import backend
from keras_gradclip._keras import Functional, OnlyKerasLogsOnBatch, bypasses_hook
from keras_gradclip._math.model_weights import ModelWeights
from keras_gradclip.optimizers import ClippingMixin
from keras_gradclip.optimizers.add_clipper import give_clipper
from keras_gradclip.optimizers.members import clips_already, members_of

STEP_LOGS = frozenset({"grad_norm", "clip_threshold", "clip_scale"})

# Its `train_step` is another on each backend.
_TrainStepWithLogs: Any = backend.TrainStepWithLogs


@keras.saving.register_keras_serializable(package="keras_gradclip")
class ClippedModel(_TrainStepWithLogs, OnlyKerasLogsOnBatch, keras.Model):
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

    `train_on_batch` returns them only with `return_dict=True`: without, it
    returns the loss, or a list of it and the metrics, as Keras does.

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
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | Literal["auto"] = "auto",
        auto_scale_loss: bool = True,
        *,
        clipper: Any = None,
        **kwargs: Any,
    ) -> None:
        """Configures the model for training, as `keras.Model.compile` does.

        Args:
            optimizer: A Keras optimizer or the name of one. Defaults to
                `"rmsprop"`.
            loss: As for `keras.Model.compile`, and so for all up to
                `auto_scale_loss`.
            loss_weights: See there.
            metrics: See there.
            weighted_metrics: See there.
            run_eagerly: See there.
            steps_per_execution: See there.
            jit_compile: See there.
            auto_scale_loss: See there.
            clipper: A `Clipper`, the name of one, or a config. `None` keeps
                the clipper that the optimizer has; one without gets
                `AutoClip()`, unless it was told to clip by `clipnorm`,
                `clipvalue` or `global_clipnorm`, which then is all the
                clipping there is, or is a `MultiOptimizer`, whose members
                have clippers of their own. Defaults to `None`.
            **kwargs: What the `compile` of another base class takes besides.

        Raises:
            ValueError: If a clipper is given and the optimizer has one, has
                Keras's own clipping, or is a `MultiOptimizer`.
        """
        if optimizer is not None:
            optimizer = keras.optimizers.get(optimizer)
        super().compile(
            optimizer,
            loss=loss,
            loss_weights=loss_weights,
            metrics=metrics,
            weighted_metrics=weighted_metrics,
            run_eagerly=run_eagerly,
            steps_per_execution=steps_per_execution,
            jit_compile=jit_compile,
            auto_scale_loss=auto_scale_loss,
            **kwargs,
        )
        # Only now: a `compile` that raises leaves the optimizer as it was.
        if optimizer is not None:
            self._clip_in(optimizer, clipper)

    def _clip_in(self, optimizer: Any, clipper: Any) -> None:
        if clipper is None and bypasses_hook(optimizer):
            if not any(map(clips_already, members_of(optimizer))):
                warnings.warn(
                    "The model trains without clipping: the members of a "
                    "MultiOptimizer have clippers of their own, and here none has. "
                    f"Received: optimizer={optimizer!r}",
                    stacklevel=3,
                )
        elif clipper is None and not clips_already(optimizer):
            clipper = "autoclip"
        if clipper is not None:
            try:
                give_clipper(optimizer, clipper, lambda: ModelWeights(self))
            except Exception:
                self.compiled = False  # not without what was asked for
                raise
        for member in members_of(optimizer):
            if isinstance(member, ClippingMixin):
                member._set_unit_axes_source(lambda: ModelWeights(self))

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles a loaded model; its optimizer has its clipper already."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.optimizer is not None and self.built:
            self.optimizer.build(self.trainable_variables)

    def step_logs(self) -> dict[str, Any]:
        """Returns what `train_step` adds to the logs, on the device."""
        members = [] if self.optimizer is None else members_of(self.optimizer)
        states: list[Any] = [getattr(m, "clip_state", None) for m in members]
        # Nothing is trained, or not all of the gradient is measured.
        if not states or None in states:
            return {}
        lasts = [s.log.last(m.iterations) for s, m in zip(states, members)]
        norms = [last["grad_norm"] for last in lasts]
        norm = norms[0]
        if len(norms) > 1:
            norm = ops.sqrt(sum(ops.square(each) for each in norms))
        thresholds, scales = (
            ops.concatenate([last[name] for last in lasts])
            for name in ("threshold", "scale")
        )
        self.added_logs = STEP_LOGS
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
