"""Groups: which gradients share one norm."""

import keras
import numpy as np
import pytest
from helpers.stepping import array, tensors, variable, variables

from keras_gradclip import ClipByNorm, optimizers
from keras_gradclip._math.groups import group_variables


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
    assert groups.left_out == []
    assert groups.rows == list(group_of)


@pytest.mark.parametrize(
    ("scope", "names", "group_of", "rows"),
    [
        ("global", ("global",), (None, 0, 0, None), [1, 0, 0, 1]),
        ("layer", ("dense", "head"), (None, 0, 1, None), [2, 0, 1, 2]),
        ("variable", ("dense/bias", "head/kernel"), (None, 0, 1, None), [2, 0, 1, 2]),
        ("unit", ("unit",), (None, 0, 0, None), [1, 0, 0, 1]),
    ],
)
def test_variables_left_out_have_no_group(scope, names, group_of, rows):
    groups = group_variables(variables(), scope, exclude=["dense/kernel", "head/bias"])
    assert groups.names == names
    assert groups.group_of == group_of
    assert groups.left_out == [0, 3]
    assert groups.rows == rows


def test_full_has_a_float32_for_each_group():
    full = group_variables(variables(), "layer").full(2.5)
    assert full.dtype == "float32"
    np.testing.assert_array_equal(full, [2.5, 2.5])


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


@pytest.mark.parametrize(
    ("paths", "names", "group_of"),
    [
        (
            ["p/kernel", "p/bias", "p/kernel", "p/bias", "out/kernel"],
            ("p", "p_1", "out"),
            (0, 0, 1, 1, 2),
        ),
        # The second begins where a path comes again, wherever that is.
        (["p/kernel", "out/kernel", "p/kernel", "p/bias"], None, (0, 1, 2, 2)),
        # A name that is made up is not that of another layer.
        (["p/kernel", "p/kernel", "p_1/kernel"], ("p", "p_2", "p_1"), (0, 1, 2)),
    ],
)
def test_two_layers_of_one_name_are_two_groups(paths, names, group_of):
    groups = group_variables([variable(path, [1.0]) for path in paths], "layer")
    assert groups.group_of == group_of
    assert len(set(groups.names)) == len(groups.names)
    assert names is None or groups.names == names


def test_two_towers_with_a_layer_of_one_name_are_clipped_apart():
    def tower(name):
        inputs = keras.Input((4,))
        return keras.Model(
            inputs, keras.layers.Dense(3, name="proj")(inputs), name=name
        )

    inputs = keras.Input((4,))
    # Beside such gradients those of the other would be scaled to nothing.
    both = tower("image")(inputs) + tower("text")(1000.0 * inputs)
    model = keras.Model(inputs, keras.layers.Dense(1, name="out")(both))
    clipper = ClipByNorm(1.0, scope="layer")
    model.compile(optimizers.SGD(0.0, clipper=clipper), "mse")
    x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
    model.fit(x, x.sum(1, keepdims=True), batch_size=64, verbose=0)
    groups = model.optimizer.clip_groups
    assert len(groups) == len(set(groups)) == 3
    norms = model.optimizer.clip_history()["norm"][0]
    assert norms[groups.index("proj_1")] > 100 * norms[groups.index("proj")]


def test_nobody_left_is_an_error_that_lists_the_variables():
    with pytest.raises(ValueError, match=r"leave at least one.*'dense/kernel'"):
        group_variables(variables(), "global", include="nothing")
    with pytest.raises(ValueError, match=r"The closest are 'dense/kernel'"):
        group_variables(variables(), "global", include="dnese")


@pytest.mark.parametrize(
    "arguments",
    [
        {"include": ["dense", "haed"]},
        {"exclude": "haed"},
        {"unit_axes": {"haed/kernel": (0,)}},
    ],
)
def test_a_pattern_that_matches_nothing_warns(arguments):
    (name,) = arguments
    with pytest.warns(UserWarning, match=f"^`{name}` has.*closest are 'head/"):
        group_variables(variables(), "unit", **arguments)


def nameless(*shapes):
    return [variable(f"variable_{i}", np.ones(s)) for i, s in enumerate(shapes)]


def test_weights_that_nothing_is_known_of_are_told_where_it_matters():
    weights = nameless((3, 2), (3,))
    with pytest.warns(UserWarning, match=r"torch's is the first.*unit_axes_of"):
        groups = group_variables(weights, "unit")
    assert groups.unit_axes == ((0,), (0,))
    with pytest.warns(UserWarning, match="a layer of its own.*`ClippedModel`"):
        group_variables(weights, "layer")
    # Here it does not.
    for scope in ("global", "variable"):
        group_variables(weights, scope)
    group_variables(nameless((3,)), "unit")
    group_variables(nameless((3, 2)), "layer")
    group_variables(weights, "unit", exclude="variable_0")
    group_variables(weights, "unit", unit_axes={"variable_0": (1,)})
    group_variables(weights, "unit", known_axes={"variable_0": (1,)})


@pytest.mark.parametrize("exclude", [None, "dense/bias", ["dense/bias", "head/kernel"]])
@pytest.mark.parametrize("scope", ["global", "layer", "variable"])
def test_sums_are_those_of_the_groups(scope, exclude):
    groups = group_variables(variables(), scope, exclude=exclude)
    sums = np.array([1.0, 4.0, 9.0, 16.0])
    expected = np.zeros(len(groups))
    for group, value in zip(groups.group_of, sums):
        if group is not None:
            expected[group] += value
    np.testing.assert_allclose(array(groups.sums(*tensors([sums]))), expected)


def test_one_variable_left_of_several_has_its_own_sum():
    # As many groups as variables take part, but not as many as there are.
    groups = group_variables(variables(), "variable", include="head/kernel")
    np.testing.assert_allclose(array(groups.sums(*tensors([[1.0, 2, 4, 8]]))), [4.0])


def test_unit_axes_are_found_for_each_variable():
    groups = group_variables(variables(), "unit")
    assert groups.unit_axes == ((0,), (0,), (0,), (0,))
    groups = group_variables(variables(), "unit", unit_axes={"head/kernel": (0, 1)})
    assert groups.unit_axes == ((0,), (0,), (0, 1), (0,))
    groups = group_variables(variables(), "unit", known_axes={"dense/kernel": (1,)})
    assert groups.unit_axes == ((1,), (0,), (0,), (0,))
    assert groups.unit_shapes == ((3, 1), (1,), (1, 4), (1,))
    assert group_variables(variables(), "variable").unit_axes == ()
