"""What is recorded of a group that was clipped piece by piece."""

import numpy as np
import pytest
from helpers.stepping import arrays, tensors
from keras import ops

from keras_gradclip._math.effect import effect_of


def effect(before, after, was_clipped, finite=True, untouched=1.0):
    tensor = ops.convert_to_tensor(np.array(was_clipped))
    finite = ops.convert_to_tensor(finite)
    norms, thresholds, *rest = tensors([before, after, untouched])
    return arrays(effect_of(norms, thresholds, tensor, finite, *rest))


def test_the_norm_after_is_the_threshold_and_their_ratio_the_scale():
    norms, thresholds, scales = effect([4.0, 10.0], [1.0, 9.0], [True, True])
    np.testing.assert_array_equal(norms, [4.0, 10.0])
    np.testing.assert_allclose(thresholds, [1.0, 9.0], rtol=1e-6)
    np.testing.assert_allclose(scales, [0.25, 0.9], rtol=1e-6)


def test_the_scale_is_exactly_one_where_nothing_was_clipped():
    # Two sums that should be equal may differ in the last bit.
    before = np.float32([5.0, 0.0])
    after = np.nextafter(before, np.float32(np.inf))
    norms, thresholds, scales = effect(before, after, [False, False])
    np.testing.assert_array_equal(scales, [1.0, 1.0])
    np.testing.assert_array_equal(thresholds, norms)


@pytest.mark.parametrize("untouched", [0.0, 1.0])
def test_a_broken_step_has_the_scale_of_what_became_of_it(untouched):
    nan = [np.nan, 1.0]
    scales = effect(nan, nan, [True, False], finite=False, untouched=untouched)[2]
    np.testing.assert_array_equal(scales, [untouched, untouched])
