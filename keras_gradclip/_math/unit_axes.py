"""Unit axes: the axes of a weight to sum over for one output unit's norm.

Adaptive gradient clipping compares the gradient of each output unit with the
weights of that same unit. Which axes belong to one unit follows from how the
layer uses the weight, and not from its shape: `(3, 3, 8, 16)` is 16 units in
a `Conv2D`, 8 in a `Conv2DTranspose` and 128 in a `DepthwiseConv2D`.
"""

import operator
import re
from collections.abc import Iterable, Mapping
from typing import Any

import keras

from keras_gradclip._math.torch_modules import WRAPPER, parameters_of

Axes = tuple[int, ...]


def _layer_classes(*names: str) -> tuple[type, ...]:
    """The `keras.layers` classes of these names that this Keras has."""
    found = (getattr(keras.layers, name, None) for name in names)
    return tuple(cls for cls in found if cls is not None)


# Which axes of the weight called "kernel" index the output units. Only this
# name means different things in different layers: the other names of core
# layers ("depthwise_kernel", "embeddings", "bias") say what they are.
_KERNEL_UNITS = (
    (_layer_classes("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"), (-2,)),
    (_layer_classes("DepthwiseConv1D", "DepthwiseConv2D"), (-2, -1)),
    (_layer_classes("Dense", "Conv1D", "Conv2D", "Conv3D"), (-1,)),
    (_layer_classes("SimpleRNNCell", "GRUCell", "LSTMCell"), (-1,)),
)

# The paper's code treats a gain or a bias as one unit. That holds for every
# rank: a GRU bias is `(2, 3 * units)`, that of a query `(heads, head_dim)`.
_ONE_UNIT_NAMES = frozenset({"bias", "gamma", "beta", "alpha", "scale"})
# One row per token. `lora_embeddings_b`, which multiplies, is not one.
_ROW_NAMES = frozenset({"embeddings", "lora_embeddings_a"})


def unit_axes_of(model: keras.Layer) -> dict[str, Axes]:
    """Returns the unit axes of every trainable weight of a built model.

    Layers inside models, wrappers, recurrent layers, attention and custom
    layers count too. Weights of layers that are not core Keras layers follow
    `default_unit_axes`. Frozen weights are left out: ask again after unfreezing.

    `norm_of_each_unit = sqrt(sum(weight**2, axis=axes))`

    Args:
        model: A built `keras.Model` or `keras.Layer`.

    Returns:
        A dict from `variable.path` to axes, in the order of
        `model.trainable_weights`. JSON can hold it, and it can serve as the
        `overrides` of `resolve_unit_axes`.

    Raises:
        ValueError: If `model` is not built, or has two weights with the same
            path but different unit axes.

    Example:

    >>> up = keras.layers.Conv2DTranspose(4, 3, use_bias=False, name="up")
    >>> head = keras.layers.Dense(2, name="head")
    >>> net = keras.Sequential([keras.Input((8, 8, 3)), up, head], name="net")
    >>> unit_axes_of(net)
    {'net/up/kernel': (0, 1, 3), 'net/head/kernel': (0,), 'net/head/bias': (0,)}
    """
    if not isinstance(model, keras.Layer):
        raise ValueError(
            "`model` must be a `keras.Model` or a `keras.Layer`. "
            f"Received: model={model!r} (of type {type(model)})"
        )
    if not model.built:
        raise ValueError(
            "`model` must be built: call it on data or call "
            "`model.build(input_shape)` first. "
            f"Received: model={model!r}, with `model.built=False`"
        )
    owners = owners_of(model)
    unit_axes: dict[str, Axes] = {}
    for variable in model.trainable_weights:
        axes = axes_in_layer(owners.get(id(variable)), variable)
        if unit_axes.setdefault(variable.path, axes) != axes:
            raise ValueError(
                "`model` must not have two weights with the same path and "
                "different unit axes; give one of their layers another name. "
                f"Received: path={variable.path!r}, with unit axes "
                f"{unit_axes[variable.path]} and {axes}"
            )
    return unit_axes


def default_unit_axes(path: str, shape: tuple[int, ...]) -> Axes:
    """Returns the unit axes that a weight's path and rank suggest.

    For when no layer can be seen: the path ends in the names of the layer and
    of the weight, and Keras's own names are understood. A user's name can
    mislead, such as `Conv2DTranspose(name="up")`: prefer `unit_axes_of`.

    | weight | axes summed over |
    |---|---|
    | rank 0 or 1; bias, gamma, beta, alpha, scale | all |
    | embeddings, lora_embeddings_a | the last |
    | depthwise_kernel; kernel in "depthwise" | all but the last two |
    | kernel in "transpose" | all but the second-last |
    | kernel of rank 3 in "query", "key", "value" | the first |
    | everything else | all but the last |

    Args:
        path: `variable.path`, such as `"functional/conv2d/kernel"`.
        shape: The shape of the variable. Only its length counts.

    Example:

    >>> default_unit_axes("functional/conv2d_transpose/kernel", (3, 3, 4, 8))
    (0, 1, 3)
    """
    rank = len(shape)
    *_, layer, name = ("", *path.split("/"))
    if rank <= 1 or name in _ONE_UNIT_NAMES:
        return tuple(range(rank))
    if name in _ROW_NAMES:
        return (rank - 1,)
    if rank >= 3 and name == "depthwise_kernel":
        return _all_but(rank, -2, -1)
    if rank >= 3 and name == "kernel":
        if "depthwise" in layer:
            return _all_but(rank, -2, -1)
        if "transpose" in layer:
            return _all_but(rank, -2)
        if rank == 3 and layer in {"query", "key", "value"}:
            return (0,)
    return _all_but(rank, -1)


def resolve_unit_axes(
    path: str,
    shape: tuple[int, ...],
    overrides: Mapping[str, Any] | None,
    known: Mapping[str, Any] | None = None,
) -> Axes:
    """Returns the unit axes of one weight, the user's word first.

    The key of `overrides` that equals the path wins, then its first key that
    `re.search` finds in the path, then `known`, then `default_unit_axes`.

    Args:
        path: `variable.path`.
        shape: The shape of the variable.
        overrides: `None`, or a dict from paths or regular expressions to
            axes: an int or a sequence of ints. Negative axes count from the
            end; `()` makes each single weight a unit.
        known: `None`, or what `unit_axes_of` returned for the model.

    Returns:
        The axes to sum over, sorted, each in `[0, len(shape))`.

    Raises:
        ValueError: If `overrides` is not such a dict, or the axes that apply
            repeat or do not exist.

    Example:

    >>> resolve_unit_axes("head/kernel", (8, 2, 3), {"^head/": [0, -1]})
    (0, 2)
    """
    check_unit_axes(overrides)
    overrides, known = overrides or {}, known or {}
    if path in overrides:
        return _checked_axes(path, overrides[path], path, shape)
    for pattern, axes in overrides.items():
        if re.search(pattern, path):
            return _checked_axes(pattern, axes, path, shape)
    if path in known:
        return _checked_axes(path, known[path], path, shape)
    return default_unit_axes(path, shape)


def check_unit_axes(overrides: Any) -> None:
    """Raises `ValueError` unless `overrides` is one for `resolve_unit_axes`.

    Whether the axes fit is not known before the shapes are.
    """
    if overrides is not None and not isinstance(overrides, Mapping):
        raise ValueError(
            "`unit_axes` must be `None` or a dict from variable paths or regular "
            f"expressions to axes. Received: unit_axes={overrides!r}"
        )
    for key in overrides or {}:
        try:
            re.compile(key)
        except (TypeError, re.error) as error:
            raise ValueError(
                "`unit_axes` must have variable paths or regular expressions as "
                f"its keys ({error}). Received: the key {key!r} in "
                f"unit_axes={overrides!r}"
            ) from error


def owners_of(model: keras.Layer) -> dict[int, keras.Layer]:
    """Returns by `id(variable)` the innermost layer that holds each weight."""
    owners: dict[int, keras.Layer] = {}
    _collect_owners(model, owners, set())
    return owners


def _collect_owners(
    layer: keras.Layer, owners: dict[int, keras.Layer], seen: set[int]
) -> None:
    if id(layer) in seen:  # Shared, or held twice as in a Sequential model.
        return
    seen.add(id(layer))
    # `Model.layers` is the one public list of sublayers, and its getter reads
    # only what every layer has. Taking it from `Model` also passes by the
    # subclasses that leave some sublayers out.
    for sublayer in keras.Model.layers.fget(layer):
        _collect_owners(sublayer, owners, seen)
    for variable in layer.weights:
        owners.setdefault(id(variable), layer)


def axes_in_layer(layer: keras.Layer | None, variable: Any) -> Axes:
    """The unit axes of `variable`, by the class of the layer that holds it."""
    rank = len(variable.shape)
    name = variable.path.rsplit("/", 1)[-1]
    if isinstance(layer, WRAPPER):
        parameter = parameters_of(layer).get(id(variable))
        if parameter is not None:
            return parameter.axes
    if rank >= 2 and isinstance(layer, keras.layers.EinsumDense):
        _, kernel, output = re.split(",|->", layer.equation)
        # LoRA's first factor takes the kernel's place in the equation.
        if name in {"kernel", "lora_kernel_a"} and len(kernel) == rank:
            return tuple(i for i, axis in enumerate(kernel) if axis not in output)
    if rank >= 2 and name == "kernel":
        for classes, kept in _KERNEL_UNITS:
            if isinstance(layer, classes):
                return _all_but(rank, *kept)
    return default_unit_axes(variable.path, tuple(variable.shape))


def _all_but(rank: int, *kept: int) -> Axes:
    """All axes but those in `kept`, which count from the end."""
    return tuple(axis for axis in range(rank) if axis - rank not in kept)


def _checked_axes(key: Any, axes: Any, path: str, shape: tuple[int, ...]) -> Axes:
    """`axes` sorted and counted from the start, or a `ValueError`."""
    rank = len(shape)
    try:
        given = list(axes) if isinstance(axes, Iterable) else [axes]
        if any(isinstance(axis, bool) for axis in given):
            raise TypeError("a bool would pass for 0 or 1")
        # Indexing a range counts negative axes from the end.
        found = {range(rank)[operator.index(axis)] for axis in given}
    except (TypeError, IndexError):
        found = None
    if found is not None and len(found) == len(given):
        return tuple(sorted(found))
    raise ValueError(
        f"`unit_axes` must give axes that are ints in [{-rank}, {rank}), each "
        f"once, for the weight {path!r} of shape {tuple(shape)}. "
        f"Received: {axes!r} for the key {key!r}"
    )
