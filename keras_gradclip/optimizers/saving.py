"""How an optimizer with a clipper is saved.

A file holds the base optimizer's variables exactly as Keras writes them; the
clip state writes its own beside them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import keras

from keras_gradclip import clippers
from keras_gradclip._keras import unpickle
from keras_gradclip.clippers import Clipper
from keras_gradclip.optimizers.clip_state import ClipState

# What a mixin inherits is decided by the class that it is mixed into.
if TYPE_CHECKING:
    _AnyOptimizer = keras.optimizers.Optimizer
else:
    _AnyOptimizer = object


class SavedWithClipper(_AnyOptimizer):  # type: ignore[misc, valid-type]
    """The part of `ClippingMixin` that saves."""

    clip_state: ClipState | None = None
    _clipper: Clipper | None = None
    _only_base_variables = False

    @property
    def variables(self) -> list[Any]:
        variables: list[Any] = super().variables
        if self._only_base_variables and self.clip_state is not None:
            own = {id(v) for v in self.clip_state.variables.values()}
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
        # In use its numbers are those of now.
        state = self.clip_state
        clipper = self._clipper if state is None else state.clipper
        saved = None if clipper is None else serialize(clipper)
        return {**super().get_config(), "clipper": saved}

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
    optimizer._only_base_variables = True
    try:
        yield
    finally:
        optimizer._only_base_variables = False
