"""What a model knows of its weights that their paths do not say."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import keras

from keras_gradclip._math.selection import path_of
from keras_gradclip._math.torch_modules import WRAPPER, Parameter, parameters_of
from keras_gradclip._math.unit_axes import Axes, axes_in_layer, owners_of


class ModelWeights(Mapping[str, Axes]):
    """The paths and the unit axes of a model's weights.

    Weights are told apart by what they are: two layers of one name may be of
    two kinds. As a mapping, for rules that group variables by themselves, it
    is from paths to axes. It looks at the layers that there are when it is
    first asked, so the model itself may have no `call` and not be built.

    Args:
        model: A `keras.Model` or a `keras.Layer`.
    """

    def __init__(self, model: keras.Layer):
        self._of = model
        self._owners: dict[int, keras.Layer] | None = None
        self._torch_parameters: dict[int, Parameter] = {}

    def path_of(self, variable: Any) -> str:
        """Returns the path, for a parameter of a torch module one with its name."""
        self._look()
        parameter = self._torch_parameters.get(id(variable))
        return path_of(variable) if parameter is None else parameter.path

    def axes_of(self, variable: Any) -> Axes | None:
        """Returns the unit axes, or None for what is not the model's."""
        owner = self._look().get(id(variable))
        return None if owner is None else axes_in_layer(owner, variable)

    def _look(self) -> dict[int, keras.Layer]:
        if self._owners is None:
            self._owners = owners_of(self._of)
            layers = {id(layer): layer for layer in self._owners.values()}
            for layer in layers.values():
                if isinstance(layer, WRAPPER):
                    self._torch_parameters.update(parameters_of(layer))
        return self._owners

    @cached_property
    def _by_path(self) -> dict[str, Axes]:
        owners = self._look()
        return {
            self.path_of(v): axes_in_layer(owners.get(id(v)), v)
            for v in self._of.trainable_weights
        }

    def __getitem__(self, path: str) -> Axes:
        return self._by_path[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_path)

    def __len__(self) -> int:
        return len(self._by_path)
