"""The parameters of a wrapped torch module: where they are, and their units.

Keras calls them "variable", "variable_1" and so on, whatever they are. What
they are is in the module.
"""

from dataclasses import dataclass
from typing import Any

import keras

# Not in every version of Keras.
WRAPPER: Any = getattr(keras.layers, "TorchModuleWrapper", ())

# By the name of a class of torch, so that nothing here imports it.
_OUTPUT_SECOND = frozenset({"ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"})
_NORMALIZATIONS = frozenset({"LayerNorm", "RMSNorm"})


@dataclass(frozen=True)
class Parameter:
    """A parameter of a wrapped module."""

    path: str
    """Its name in the module, below the wrapper's: "wrapper/0/weight"."""

    axes: tuple[int, ...]
    """The axes that the norm of one of its units sums over."""


def parameters_of(wrapper: Any) -> dict[int, Parameter]:
    """Returns a wrapper's parameters by the `id` of its variables."""
    variables = {id(variable.value): variable for variable in wrapper.variables}
    modules = dict(wrapper.module.named_modules())
    found = {}
    for name, tensor in wrapper.module.named_parameters():
        owner, _, own_name = name.rpartition(".")
        variable = variables.get(id(tensor))
        if variable is not None:
            path = "/".join([wrapper.path or wrapper.name, *name.split(".")])
            axes = _axes_in_module(modules[owner], own_name, len(variable.shape))
            found[id(variable)] = Parameter(path, axes)
    return found


def _axes_in_module(module: Any, name: str, rank: int) -> tuple[int, ...]:
    """The unit axes of a parameter, by the class of the module that holds it."""
    classes = {cls.__name__ for cls in type(module).__mro__}
    if rank <= 1 or name.startswith("bias") or classes & _NORMALIZATIONS:
        return tuple(range(rank))  # a gain or a bias is one unit
    # In torch the output comes first, the row of an embedding included.
    kept = 1 if classes & _OUTPUT_SECOND else 0
    return tuple(axis for axis in range(rank) if axis != kept)
