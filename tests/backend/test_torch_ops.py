"""`torch_ops`: what goes by the names of `keras.ops` does what that does."""

import inspect

import keras
import numpy as np
import pytest
from helpers.stepping import BACKEND, array, tensors

if BACKEND != "torch":
    pytest.skip("torch's own calls", allow_module_level=True)

import torch

from keras_gradclip._backend import ops, torch_ops

FIRST = [[1.0, -2.0, 3.5], [0.0, 7.0, -0.5]]
SECOND = [[2.0, -2.0, -3.0], [1.0, 9.0, 0.25]]
ODD = [np.nan, np.inf, -np.inf, 0.0]


def floats(*values):
    return tensors(values)


def indices(values):
    return torch.tensor(values)


A, B, ODDS = FIRST, SECOND, ODD
# One call at least of each function; what follows the name are its arguments.
CALLS = [
    ("abs", lambda: floats(A)),
    ("exp", lambda: floats(A)),
    ("isfinite", lambda: floats(ODDS)),
    ("sqrt", lambda: floats([0.0, 4.0, np.inf])),
    ("square", lambda: floats(A)),
    ("equal", lambda: floats(A, B)),
    ("less_equal", lambda: floats(A, B)),
    ("logical_and", lambda: [indices([True, True]), indices([True, False])]),
    # With the sign of the divisor, as Python's.
    ("mod", lambda: [*floats(A), 2.0]),
    ("mod", lambda: [indices([-3, 5, 7]), 4]),
    ("ones_like", lambda: floats(A)),
    ("zeros_like", lambda: floats(A)),
    ("full_like", lambda: [*floats(A), 2.5]),
    ("where", lambda: [indices([True, False]), *floats([1.0, 2.0], [3.0, 4.0])]),
    ("where", lambda: [indices([True, False]), *floats([1.0, 2.0]), np.inf]),
    ("minimum", lambda: floats(A, B)),
    ("minimum", lambda: [*floats(ODDS), 1.0]),
    ("maximum", lambda: floats(A, B)),
    ("maximum", lambda: [*floats(ODDS), 1.0]),
    ("clip", lambda: [*floats(A), -1.0, 2.0]),
    ("clip", lambda: [indices([-3, 5]), 0, 2]),
    ("sum", lambda: floats(A)),
    ("reshape", lambda: [*floats(A), (3, 2)]),
    ("reshape", lambda: [*floats(A), (-1, 1)]),
    ("expand_dims", lambda: [*floats(A), 1]),
    ("concatenate", lambda: [floats(A, B)]),
    ("concatenate", lambda: [floats(A, B), 1]),
    ("stack", lambda: [floats(A, B)]),
    ("stack", lambda: [floats(A, B), 1]),
    ("take_along_axis", lambda: [*floats(A), indices([[2], [0]]), 1]),
    ("take", lambda: [*floats(A), indices([1, 0, 1]), 0]),
    ("take", lambda: [*floats([5.0, 6.0, 7.0]), indices([[2, 0]])]),
    ("take", lambda: [*floats(A), indices([1, 0]), 1]),
    ("take", lambda: [*floats(A), 1, 0]),
    ("take", lambda: [np.float32([5.0, 6.0]), indices([1])]),
    ("stop_gradient", lambda: floats(A)),
    ("cast", lambda: [*floats(A), "int32"]),
    ("cast", lambda: [*floats(A), "float16"]),
    ("cast", lambda: [True, "float32"]),
    ("convert_to_tensor", lambda: [A]),
    ("convert_to_tensor", lambda: [A, "float64"]),
    ("convert_to_tensor", lambda: [*floats(A), "float16"]),
]
OWN = {
    name
    for name, value in vars(torch_ops).items()
    if callable(value) and name[0] != "_" and not inspect.isclass(value)
} - {"Any"}


def test_it_is_what_the_package_calls():
    assert ops is torch_ops


def test_every_function_is_called_here():
    assert {name for name, _ in CALLS} == OWN - {"dtype"}


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "int64", "bool"])
def test_a_dtype_has_keras_name(dtype):
    (tensor,) = floats(A)
    assert torch_ops.dtype(torch_ops.cast(tensor, dtype)) == dtype


@pytest.mark.parametrize(("name", "make"), CALLS, ids=[name for name, _ in CALLS])
def test_it_does_what_keras_does(name, make):
    ours, theirs = getattr(torch_ops, name)(*make()), getattr(keras.ops, name)(*make())
    assert isinstance(ours, torch.Tensor)
    np.testing.assert_array_equal(array(ours), array(theirs))
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype


@pytest.mark.parametrize("name", sorted(OWN))
def test_arguments_have_the_names_of_keras(name):
    function = getattr(torch_ops, name)
    if not inspect.isfunction(function):
        pytest.skip("torch's own function")
    theirs = list(inspect.signature(getattr(keras.ops, name)).parameters)
    ours = list(inspect.signature(function).parameters)
    # The first is never named in a call.
    assert ours[1:] == theirs[1 : len(ours)]


@pytest.mark.parametrize("name", ["minimum", "maximum"])
def test_counts_keep_their_dtype(name):
    # `keras.ops` makes int32 of them beside a Python number.
    result = getattr(torch_ops, name)(indices([2**40, 5]), 2**35)
    assert result.dtype == torch.int64
    assert result.tolist() == [getattr(np, name)(n, 2**35) for n in (2**40, 5)]


def test_what_is_not_there_is_that_of_keras():
    assert torch_ops.segment_sum is keras.ops.segment_sum
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = torch_ops.no_such_name


def test_a_tensor_that_fits_is_not_copied():
    (tensor,) = floats(FIRST)
    assert torch_ops.convert_to_tensor(tensor) is tensor
    assert torch_ops.convert_to_tensor(tensor, "float32") is tensor
    variable = keras.Variable(FIRST)
    assert torch_ops.convert_to_tensor(variable) is variable.value


def test_stop_gradient_leaves_the_graph():
    variable = keras.Variable(FIRST)
    assert variable.value.requires_grad
    assert not torch_ops.stop_gradient(variable.value).requires_grad
