"""Groups: which gradients share one norm."""

import keras
import numpy as np
import pytest
from helpers.stepping import array, arrays, tensors, variable, variables

from keras_gradclip._math.groups import group_variables, path_of


@pytest.mark.parametrize(
    ("scope", "names", "group_of"),
    [
        ("global", ("global",), (0, 0, 0, 0)),
        ("layer", ("dense", "head"), (0, 0, 1, 1)),
        (
            "variable",
            ("dense/kernel", "dense/bias", "head/kernel", "head/bias"),
            (0, 1, 2, 3),
        ),
        ("unit", ("unit",), (0, 0, 0, 0)),
    ],
)
def test_scope_divides_the_variables(scope, names, group_of):
    groups = group_variables(variables(), scope)
    assert groups.names == names
    assert groups.group_of == group_of
    assert len(groups) == len(names)
    assert groups.whole == slice(None)


@pytest.mark.parametrize(
    ("scope", "names", "group_of"),
    [
        ("global", ("global",), (None, 0, 0, None)),
        ("layer", ("dense", "head"), (None, 0, 1, None)),
        ("variable", ("dense/bias", "head/kernel"), (None, 0, 1, None)),
        ("unit", ("unit",), (None, 0, 0, None)),
    ],
)
def test_variables_left_out_have_no_group(scope, names, group_of):
    groups = group_variables(variables(), scope, exclude=["dense/kernel", "head/bias"])
    assert groups.names == names
    assert groups.group_of == group_of


def test_layer_whose_variables_are_apart_is_one_group():
    paths = ["a/kernel", "b/kernel", "a/bias"]
    groups = group_variables([variable(p, [1.0]) for p in paths], "layer")
    assert groups.group_of == (0, 1, 0)


def test_variable_of_no_layer_is_a_layer_of_its_own():
    loose = [variable("alpha", 1.0), variable("beta", 1.0)]
    assert group_variables(loose, "layer").names == ("alpha", "beta")


@pytest.mark.parametrize(
    "paths",
    [
        ["a/bias", "a/bias"],
        ["a/bias", "b/bias", "a/bias", "a/bias"],
        ["a/bias", "a/bias", "a/bias_1"],
        ["a/bias_1", "a/bias", "a/bias"],
    ],
)
def test_variables_with_one_path_are_groups_of_their_own(paths):
    groups = group_variables([variable(path, [1.0]) for path in paths], "variable")
    assert groups.group_of == tuple(range(len(paths)))
    assert len(set(groups.names)) == len(paths)


def test_nobody_left_is_an_error_that_lists_the_variables():
    with pytest.raises(ValueError, match=r"leave at least one.*'dense/kernel'"):
        group_variables(variables(), "global", include="nothing")


def test_path_of_a_variable_that_has_only_a_name():
    class Bare:
        name = "w:0"

    assert path_of(Bare()) == "w:0"
    assert path_of(variables()[0]) == "dense/kernel"


@pytest.mark.parametrize("exclude", [None, "dense/bias", ["dense/bias", "head/kernel"]])
@pytest.mark.parametrize("scope", ["global", "layer", "variable"])
def test_norms_are_those_of_the_groups(scope, exclude):
    groups = group_variables(variables(), scope, exclude=exclude)
    sums = np.array([1.0, 4.0, 9.0, 16.0])
    expected = np.zeros(len(groups))
    for group, value in zip(groups.group_of, sums):
        if group is not None:
            expected[group] += value
    result = groups.norms(*tensors([sums]))
    np.testing.assert_allclose(array(result), np.sqrt(expected), rtol=1e-6)


def test_weight_norms():
    groups = group_variables(variables(), "layer")
    values = [keras.ops.convert_to_numpy(v).astype("float64") for v in variables()]
    sums = [(v**2).sum() for v in values]
    expected = np.sqrt([sums[0] + sums[1], sums[2] + sums[3]])
    np.testing.assert_allclose(
        array(groups.weight_norms(tensors(values))), expected, 1e-5
    )
    np.testing.assert_allclose(array(groups.weight_norms(variables())), expected, 1e-5)


def test_values_are_spread_to_the_variables():
    groups = group_variables(variables(), "layer", exclude="dense/bias")
    values, otherwise = tensors([[2.0, 3.0], 7.0])
    assert arrays(groups.spread(values, otherwise)) == [2.0, 7.0, 3.0, 3.0]


def test_variable_sums_fill_up_with_zeros():
    groups = group_variables(variables(), "global")
    (two,) = tensors([2.0])
    np.testing.assert_array_equal(array(groups.variable_sums({2: two})), [0, 0, 2, 0])


def test_unit_axes_are_found_for_each_variable():
    groups = group_variables(variables(), "unit")
    assert groups.unit_axes == ((0,), (0,), (0,), (0,))
    groups = group_variables(variables(), "unit", unit_axes={"head/kernel": (0, 1)})
    assert groups.unit_axes == ((0,), (0,), (0, 1), (0,))
