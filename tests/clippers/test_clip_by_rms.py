"""`ClipByRMS` against `clip_by_block_rms` of optax 0.2.8."""

import numpy as np
from helpers.stepping import Step, tensors, trace, variable

from keras_gradclip import ClipByRMS

GRADIENTS = [[500.0, 5.0], [300.0, 3.0]]


def clip(clipper, gradients):
    weights = [variable(f"l{i}/bias", np.ones(len(g))) for i, g in enumerate(gradients)]
    return trace(Step(clipper, weights), [tensors([np.array(g) for g in gradients])])


def test_known_answers_of_optax():
    done = clip(ClipByRMS(1.0), GRADIENTS)
    expected = [[1.4141427, 0.0141414], [1.4141428, 0.0141414]]
    np.testing.assert_allclose(done.gradients[0], expected, rtol=1e-5)


def test_a_group_is_as_large_as_all_its_variables():
    done = clip(ClipByRMS(0.5, scope="global"), [[3.0] * 7, [4.0] * 9])
    np.testing.assert_allclose(done.thresholds, [[0.5 * 16**0.5]])
    left_out = clip(ClipByRMS(0.5, exclude="l0"), [[3.0] * 7, [4.0] * 9])
    np.testing.assert_allclose(left_out.thresholds, [[0.5 * 9**0.5]])
    np.testing.assert_array_equal(left_out.gradients[0][0], 3.0)
