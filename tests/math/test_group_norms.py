"""The norms of whole groups, and gradients scaled by group."""

import itertools

import keras
import numpy as np
import pytest
from helpers.stepping import (
    HAS_SPARSE,
    array,
    arrays,
    dense,
    random_gradients,
    sparse,
    tensors,
    variable,
    variables,
)

from keras_gradclip._math.group_norms import GroupNorms
from keras_gradclip._math.groups import group_variables

GRADIENTS = random_gradients(1, seed=3)[0]
SCOPES = ["global", "layer", "variable"]
EXCLUDED = [None, "dense/bias", ["dense/bias", "head/kernel"]]
on_every_grouping = pytest.mark.parametrize(
    ("scope", "exclude"), list(itertools.product(SCOPES, EXCLUDED)), ids=str
)


def measured(scope, exclude=None, gradients=None):
    groups = group_variables(variables(), scope, exclude=exclude)
    gradients = tensors(GRADIENTS) if gradients is None else gradients
    return GroupNorms(gradients, variables(), groups), groups


def norm(parts):
    return np.sqrt(sum((np.asarray(p, "float64") ** 2).sum() for p in parts))


def norms_of(groups, parts):
    return [
        norm([p for p, g in zip(parts, groups.group_of) if g == group])
        for group in range(len(groups))
    ]


@on_every_grouping
def test_norms_are_those_of_the_groups_and_the_whole_is_of_all(scope, exclude):
    measure, groups = measured(scope, exclude)
    np.testing.assert_allclose(array(measure.norms), norms_of(groups, GRADIENTS), 1e-5)
    np.testing.assert_allclose(array(measure.whole), norm(GRADIENTS), 1e-5)


@on_every_grouping
def test_weight_norms_are_grouped_alike(scope, exclude):
    measure, groups = measured(scope, exclude)
    values = [keras.ops.convert_to_numpy(v) for v in variables()]
    expected = norms_of(groups, values)
    np.testing.assert_allclose(array(measure.weight_norms()), expected, 1e-5)


@on_every_grouping
@pytest.mark.parametrize("untouched", [1.0, 0.0])
def test_each_variable_gets_its_groups_scale(scope, exclude, untouched):
    measure, groups = measured(scope, exclude)
    numbers = np.linspace(0.25, 0.75, len(groups))
    scales, kept = tensors([numbers, untouched])
    results = arrays(measure.scaled(scales, kept, keras.ops.convert_to_tensor(True)))
    for result, gradient, group in zip(results, GRADIENTS, groups.group_of):
        scale = untouched if group is None else numbers[group]
        np.testing.assert_allclose(result, scale * gradient, rtol=1e-6)


@on_every_grouping
def test_the_whole_after_is_the_norm_of_what_comes_out(scope, exclude):
    measure, groups = measured(scope, exclude)
    scales, kept = tensors([np.linspace(0.25, 0.75, len(groups)), 1.0])
    results = arrays(measure.scaled(scales, kept, keras.ops.convert_to_tensor(True)))
    after = array(measure.whole_after(scales))
    assert after.shape == ()
    np.testing.assert_allclose(after, norm(results), rtol=1e-5)


def test_effect_is_what_was_decided():
    measure, _ = measured("layer")
    thresholds, scales, kept = tensors([[1.0, 2.0], [0.5, 1.0], 1.0])
    finite = keras.ops.convert_to_tensor(True)
    norms, *rest = measure.effect(thresholds, scales, finite, kept)
    np.testing.assert_array_equal(array(norms), array(measure.norms))
    np.testing.assert_array_equal(array(rest[0]), [1.0, 2.0])
    np.testing.assert_array_equal(array(rest[1]), [0.5, 1.0])


def test_a_broken_gradient_that_is_left_out_shows_in_the_whole_alone():
    broken = [*GRADIENTS[:3], np.full_like(GRADIENTS[3], np.nan)]
    measure, _ = measured("layer", "head/bias", tensors(broken))
    assert np.isfinite(array(measure.norms)).all()
    assert not np.isfinite(array(measure.whole))


def test_a_missing_gradient_counts_as_zero_and_stays_missing():
    missing = tensors([GRADIENTS[0], None, *GRADIENTS[2:]])
    measure, _ = measured("variable", None, missing)
    norms = array(measure.norms)
    assert norms[1] == 0
    np.testing.assert_allclose(norms[2], norm(GRADIENTS[2:3]), 1e-5)
    scales, kept = tensors([[0.5, 0.5, 0.25, 1.0], 1.0])
    results = measure.scaled(scales, kept, keras.ops.convert_to_tensor(True))
    assert results[1] is None
    np.testing.assert_allclose(array(results[2]), 0.25 * GRADIENTS[2], rtol=1e-6)


@pytest.mark.skipif(not HAS_SPARSE, reason="torch has no sparse gradients in Keras")
def test_a_sparse_gradient_is_measured_as_the_dense_one_and_stays_sparse():
    rows, indices = [[3.0, 4.0], [1.0, 0.0], [3.0, 4.0]], [2, 0, 2]
    gradient = sparse(rows, indices, 4)
    table = variable("table/embeddings", np.ones((4, 2)))
    groups = group_variables([table], "global")
    measure = GroupNorms([gradient], [table], groups)
    np.testing.assert_allclose(array(measure.norms), [np.sqrt(101.0)], rtol=1e-6)
    scales, kept = tensors([[0.5], 1.0])
    (result,) = measure.scaled(scales, kept, keras.ops.convert_to_tensor(True))
    assert type(result) is type(gradient)
    np.testing.assert_allclose(array(result), 0.5 * dense(rows, indices, 4))
