"""`ClipBySecondMoment` against AdamWClip, and what its memory does."""

import numpy as np
import pytest
from helpers.stepping import MODES, Step, run, tensors, trace, variable

from keras_gradclip import ClipBySecondMoment

FIRST = np.array([1.0, -0.5, 0.25])
OTHERS = [[5.0, -0.6, 0.2], [-4.0, 3.0, 0.3], [0.1, -9.0, 8.0]]
# `grad` of AdamWClip 0.1.4 after `step()`, with betas=(0.9, 0.99) and
# clip_grad_warm_up=1, which clamps it in place.
ADAMW_CLIP = [[3.0, -0.6, 0.2], [-4.0, 1.657555, 0.3], [0.1, -3.185574, 0.760482]]


def clip_all(clipper, gradients, mode="eager"):
    step = Step(clipper, [variable("dense/bias", np.ones(3))], mode)
    return trace(step, [tensors([g]) for g in gradients])


@pytest.mark.parametrize("mode", MODES)
def test_known_answers_of_adamw_clip(mode):
    clipper = ClipBySecondMoment(3.0, decay=0.99, warmup_steps=1)
    done = clip_all(clipper, [FIRST, *map(np.array, OTHERS)], mode)
    np.testing.assert_array_equal(done.gradients[0][0], FIRST.astype("float32"))
    for found, expected in zip(done.gradients[1:], ADAMW_CLIP):
        np.testing.assert_allclose(found[0], expected, rtol=1e-5)


def test_a_spike_of_one_element_does_not_touch_the_others():
    gradients = [FIRST] * 12 + [FIRST * [1, 1, 1e4]]
    done = clip_all(ClipBySecondMoment(), gradients)
    np.testing.assert_allclose(done.gradients[-1][0], FIRST * [1, 1, 3], rtol=1e-4)
    np.testing.assert_array_equal(done.scales[:-1], 1.0)


def test_an_element_that_was_zero_so_far_is_not_held_down():
    gradients = [FIRST * [1, 1, 0]] * 12 + [FIRST]
    done = clip_all(ClipBySecondMoment(), gradients)
    np.testing.assert_array_equal(done.gradients[-1][0], FIRST.astype("float32"))


def test_a_lasting_rise_gets_through_by_degrees():
    done = run(ClipBySecondMoment(decay=0.9), [1.0] * 20 + [100.0] * 60)
    assert done.scales[20] < 0.05
    np.testing.assert_array_equal(done.scales[-20:], 1.0)


def test_the_memory_is_as_large_as_the_variables_that_take_part():
    weights = [variable("a/kernel", np.ones((3, 2))), variable("b/bias", np.ones(4))]
    clipper = ClipBySecondMoment(exclude="b/")
    state = clipper.initial_state(clipper.group(weights))
    shapes = {name: value.shape for name, value in state.items()}
    assert shapes == {"square_0": (3, 2), "count": (2,), "weight": (2,)}
