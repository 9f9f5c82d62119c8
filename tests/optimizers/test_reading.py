"""Finding what is clipped inside an optimizer, and its history."""

import keras
import numpy as np
import pytest
from helpers.training import fit, mlp

import keras_gradclip
from keras_gradclip import ClipByNorm, clip_history, optimizers
from keras_gradclip.optimizers import find_all_clipped


def clipped(cls=optimizers.SGD, **arguments):
    return cls(0.01, clipper=ClipByNorm(0.1), **arguments)


def scaled(inner):
    return keras.optimizers.LossScaleOptimizer(inner, initial_scale=16.0)


def multi(default, of_last):
    members = keras.optimizers.OptimizerMap(default)
    members[".*last.*"] = of_last
    return keras.optimizers.MultiOptimizer(members)


needs_multi = pytest.mark.skipif(
    not hasattr(keras.optimizers, "MultiOptimizer"), reason="not in this Keras yet"
)


def test_the_history_under_a_loss_scale():
    plain, inner = clipped(), clipped()
    fit(mlp(), plain, epochs=1)
    outer = scaled(inner)
    fit(mlp(), outer, epochs=1)
    found = clip_history(outer)
    assert len(found["grad_norm"]) == 8
    np.testing.assert_allclose(found["grad_norm"], plain.clip_history()["grad_norm"])
    assert clip_history(outer, since=6)["step"].tolist() == [6, 7]
    assert clip_history(plain)["step"].tolist() == list(range(8))


def test_it_is_public():
    assert keras_gradclip.clip_history is clip_history
    assert {"clip_history", "find_all_clipped"} <= set(optimizers.__all__)


def test_all_that_are_clipped_are_found():
    plain, inner = clipped(), clipped()
    assert find_all_clipped(plain) == [plain]
    assert find_all_clipped(scaled(inner)) == [inner]
    assert find_all_clipped(keras.optimizers.SGD()) == []
    assert find_all_clipped(scaled(keras.optimizers.SGD())) == []


@needs_multi
def test_members_are_found():
    first, last = clipped(), clipped(optimizers.Adam)
    assert set(find_all_clipped(multi(first, last))) == {first, last}
    assert find_all_clipped(multi(keras.optimizers.SGD(), last)) == [last]


@needs_multi
def test_the_history_of_several_is_refused():
    both = multi(clipped(), clipped(optimizers.Adam))
    with pytest.raises(ValueError, match=r"`find_all_clipped.*with 2 clipped"):
        clip_history(both)
    fit(mlp(), both, epochs=1)
    for member in find_all_clipped(both):
        assert len(clip_history(member)["step"]) == 8


def test_an_optimizer_without_a_clipper_has_no_history():
    with pytest.raises(ValueError, match="with 0 clipped"):
        clip_history(keras.optimizers.SGD())
