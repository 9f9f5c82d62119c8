"""Taking a whole update back."""

import keras
import numpy as np
import pytest
from helpers.stepping import array

from keras_gradclip import AutoClip, optimizers
from keras_gradclip.optimizers.undo import Undo

YES, NO = (keras.ops.convert_to_tensor(b) for b in (True, False))


def built(cls=optimizers.Adam, **arguments):
    optimizer = cls(
        0.01, clipper=AutoClip(30, window=2, on_nonfinite="skip"), **arguments
    )
    weights = [keras.Variable(np.ones(2, "float32"), name=name) for name in "ab"]
    optimizer.build(weights)
    return optimizer, weights


def arrays(variables):
    return [array(variable) for variable in variables]


def guarded(optimizer, weights):
    """All that an update may change, but for what is the clipper's."""
    own = {id(v) for v in optimizer.clip_state.variables.values()}
    return [*weights, *(v for v in optimizer.variables if id(v) not in own)]


def change(variables):
    for variable in variables:
        variable.assign(np.full(variable.shape, 7, variable.dtype))


KINDS = {
    "adam": {},
    "ema": {"use_ema": True},
    "momentum": {"cls": optimizers.SGD, "momentum": 0.9},
    "rmsprop": {"cls": optimizers.RMSprop, "centered": True},
}


@pytest.mark.parametrize("kind", KINDS)
def test_everything_is_put_back_unless_it_is_kept(kind):
    optimizer, weights = built(**KINDS[kind])
    variables = guarded(optimizer, weights)
    before = arrays(variables)
    undo = Undo(optimizer, weights)
    change(variables)
    undo.unless(kept=YES)
    assert all((value == 7).all() for value in arrays(variables))
    undo.unless(kept=NO)
    for variable, value in zip(variables, before):
        np.testing.assert_array_equal(array(variable), value, err_msg=variable.name)


def test_the_clippers_state_is_left_to_the_clipper():
    optimizer, weights = built()
    own = optimizer.clip_state.variables.values()
    undo = Undo(optimizer, weights)
    change(own)
    undo.unless(kept=NO)
    assert all((value == 7).all() for value in arrays(own))


def test_what_is_put_back_is_free_of_nan():
    optimizer, weights = built()
    undo = Undo(optimizer, weights)
    weights[0].assign(np.full(2, np.nan, "float32"))
    undo.unless(kept=NO)
    np.testing.assert_array_equal(array(weights[0]), [1.0, 1.0])


def accumulating(calls, steps=3):
    """An optimizer in the midst of its sums, after so many calls."""
    optimizer, weights = built(gradient_accumulation_steps=steps)
    for _ in range(calls):
        optimizer.apply([keras.ops.ones(2)] * 2, weights)
    return optimizer, weights


def counter_of(optimizer):
    return int(array(optimizer._iterations))


def test_a_skipped_sum_begins_again():
    optimizer, weights = accumulating(calls=2)
    sums = optimizer._accumulated_gradients
    assert arrays(sums)[0].tolist() == [2.0, 2.0]
    undo = Undo(optimizer, weights)
    undo.unless(kept=NO)
    # The two calls before belong to a sum that is broken: as if never made.
    assert counter_of(optimizer) == 0
    assert all(not value.any() for value in arrays(sums))


def test_a_kept_sum_goes_on():
    optimizer, weights = accumulating(calls=2)
    before = arrays(guarded(optimizer, weights))
    Undo(optimizer, weights).unless(kept=YES)
    for variable, value in zip(guarded(optimizer, weights), before):
        np.testing.assert_array_equal(array(variable), value, err_msg=variable.name)


@pytest.mark.parametrize("broken", [0, 1, 2])
def test_after_a_broken_micro_batch_a_whole_number_makes_the_next_update(broken):
    optimizer, weights = accumulating(calls=0)
    for call in range(3):
        value = np.nan if call == broken else 1.0
        optimizer.apply([keras.ops.full((2,), value)] * 2, weights)
    assert counter_of(optimizer) == 0
    np.testing.assert_array_equal(array(weights[0]), [1.0, 1.0])
    for call in range(3):
        optimizer.apply([keras.ops.ones(2)] * 2, weights)
        assert (array(weights[0]) != 1.0).any() == (call == 2)
    assert int(array(optimizer.iterations)) == 1
