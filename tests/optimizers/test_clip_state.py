"""A clipper's memory as variables of the optimizer."""

import keras
import numpy as np
import pytest
from helpers import stepping
from helpers.stepping import array, random_gradients, tensors, variables

from keras_gradclip import AGC, AutoClip, ClipByNorm, QuantileClip, optimizers

GRADIENTS = random_gradients(6, seed=5)


def weights():
    return [stepping.variable(v.path, array(v)) for v in variables()]


def built(clipper, cls=optimizers.Adam, **arguments):
    optimizer = cls(0.01, clipper=clipper, **arguments)
    optimizer.build(weights())
    return optimizer


def stepped(clipper, steps=6):
    optimizer = built(clipper)
    for gradients in GRADIENTS[:steps]:
        clip(optimizer, gradients)
    return optimizer


def clip(optimizer, gradients):
    step = keras.ops.convert_to_tensor(optimizer.iterations)
    state = optimizer.clip_state
    clipped = state.clip(tensors(gradients), optimizer._trainable_variables, step)
    optimizer.iterations.assign_add(1)
    return clipped


def values(state):
    return {name: array(variable) for name, variable in state.variables.items()}


def stored(optimizer):
    store = {}
    optimizer.clip_state.save_own_variables(store)
    return store


def assert_fresh(state):
    expected = state.clipper.initial_state(state.groups)
    for name, variable in state.state.items():
        np.testing.assert_array_equal(array(variable), expected[name])
    assert not array(state.log.variable).any()


def test_its_variables_are_the_optimizers_and_come_last():
    plain = keras.optimizers.Adam(0.01)
    plain.build(weights())
    optimizer = built(AutoClip(30, on_nonfinite="skip"))
    own = list(optimizer.clip_state.variables.values())
    ours = optimizer.variables
    assert len(ours) == len(plain.variables) + len(own)
    assert [id(v) for v in ours[-len(own) :]] == [id(v) for v in own]
    assert [v.name for v in own] == [
        "clip_counts",
        "clip_largest",
        "clip_numbers",
        "clip_log",
        "clip_taken",
        "clip_skipped",
    ]
    assert not any(v.trainable for v in own)
    assert {v.aggregation for v in own} == {"only_first_replica"}


def test_it_starts_as_the_clipper_says():
    clipper = AutoClip(30, window=3, scope="layer")
    state = built(clipper).clip_state
    assert_fresh(state)
    expected = clipper.initial_state(state.groups)
    for name, variable in state.state.items():
        dtype = keras.backend.standardize_dtype(variable.dtype)
        assert dtype == expected[name].dtype, name


def test_the_flag_is_there_only_where_a_step_may_be_skipped():
    assert "finite" not in built(AutoClip(30)).clip_state.variables
    with pytest.raises(AssertionError, match="skips"):
        built(AutoClip(30)).clip_state.was_taken()


# A threshold of the latter is the state before, whose memory torch writes to.
@pytest.mark.parametrize("clipper", [AutoClip(30, window=3), QuantileClip()])
def test_each_step_is_what_the_clipper_says_and_moves_the_state_on(clipper):
    optimizer, own = built(clipper), weights()
    groups = optimizer.clip_state.groups
    state = clipper.initial_state(groups)
    for step, gradients in enumerate(GRADIENTS):
        clipped = clip(optimizer, gradients)
        number = keras.ops.convert_to_tensor(step, "int32")
        expected, state, record = clipper.clip(
            tensors(gradients), state, own, number, groups
        )
        for ours, theirs in zip(clipped, expected):
            np.testing.assert_allclose(array(ours), array(theirs), rtol=1e-6)
        history = optimizer.clip_history(since=step)
        assert history["step"].tolist() == [step]
        done = dict(zip(("norm", "threshold", "scale"), record))
        for name, value in done.items():
            np.testing.assert_allclose(history[name][0], array(value), 1e-6)
    for name, variable in optimizer.clip_state.state.items():
        np.testing.assert_allclose(array(variable), array(state[name]), rtol=1e-6)


def test_was_taken_tells_of_the_last_step_once():
    optimizer = built(AutoClip(30, on_nonfinite="skip"))
    state = optimizer.clip_state
    assert array(state.was_taken())
    clip(optimizer, GRADIENTS[0])
    assert array(state.was_taken())
    clip(optimizer, [np.nan * g for g in GRADIENTS[0]])
    assert not array(state.was_taken())
    # The next call may only accumulate, and then makes no update.
    assert array(state.was_taken())


def test_what_is_saved_is_the_history_and_what_it_fits():
    store = stored(stepped(AutoClip(30, on_nonfinite="skip")))
    assert set(store) == {"counts", "largest", "log", "shapes"}
    # The number of axes and the sizes of each variable.
    assert store["shapes"].tolist() == [2, 3, 2, 1, 2, 2, 2, 4, 1, 4]


def test_what_was_saved_is_loaded():
    first, second = stepped(AutoClip(30, window=4)), built(AutoClip(30, window=4))
    second.clip_state.load_own_variables(stored(first))
    loaded = values(second.clip_state)
    for name, value in values(first.clip_state).items():
        np.testing.assert_array_equal(loaded[name], value, err_msg=name)


def load(optimizer, store, message):
    with pytest.warns(UserWarning, match=message):
        optimizer.clip_state.load_own_variables(store)


FAULTS = {
    "a store without the log": (lambda s: s.pop("log"), "another clipper"),
    "an empty store": (lambda s: s.clear(), "it has none"),
    "another window": (
        lambda s: s.update(ring=s["ring"][:, 1:]),
        r"`ring` has the shape \(1, 3\), not \(1, 4\)",
    ),
    "fractions for counts": (
        lambda s: s.update(count=s["count"] + 0.5),
        "`count` is of dtype float64",
    ),
    "a NaN": (lambda s: s["sorted"].fill(np.nan), "`sorted` holds a NaN"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_does_not_fit_starts_afresh_as_a_whole(fault):
    damage, message = FAULTS[fault]
    optimizer = stepped(AutoClip(30, window=4))
    store = {k: np.array(v) for k, v in stored(optimizer).items()}
    damage(store)
    load(optimizer, store, f"starts afresh: .*{message}")
    assert_fresh(optimizer.clip_state)


def test_the_log_of_a_file_may_tell_of_a_broken_step():
    first, second = stepped(AutoClip(30)), built(AutoClip(30))
    clip(first, [np.nan * g for g in GRADIENTS[0]])
    # A warning would be an error.
    second.clip_state.load_own_variables(stored(first))
    assert np.isnan(array(second.clip_state.log.variable)).any()


@pytest.mark.parametrize("reason", ["other weights", "optimizer not loaded"])
def test_a_file_of_another_model_leaves_the_history_alone(reason):
    optimizer, store = stepped(AutoClip(30)), stored(stepped(AutoClip(30), steps=2))
    before = values(optimizer.clip_state)
    if reason == "other weights":
        store["shapes"] = store["shapes"] + 1
    else:
        optimizer.clip_state.optimizer_was_loaded = False
    load(optimizer, store, "was left as it is")
    for name, value in values(optimizer.clip_state).items():
        np.testing.assert_array_equal(value, before[name], err_msg=name)


def test_keras_saves_it_in_a_group_of_its_own(tmp_path):
    h5py = pytest.importorskip("h5py")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(optimizers.SGD(0.01, clipper=ClipByNorm(1.0)), "mse")
    model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
    model.save_weights(tmp_path / "m.weights.h5")
    with h5py.File(tmp_path / "m.weights.h5") as file:
        names = set(file["optimizer/clip_state/vars"])
        base = len(file["optimizer/vars"])
    assert names == {"log", "shapes"}
    plain = keras.optimizers.SGD(0.01)
    plain.build(model.trainable_variables)
    assert base == len(plain.variables)


def test_axes_that_a_model_knows_reach_the_groups():
    optimizer = optimizers.SGD(0.01, clipper=AGC(0.01))
    own = weights()
    optimizer._set_unit_axes_source(lambda: {own[0].path: (1,)})
    optimizer.build(own)
    assert optimizer.clip_state.groups.unit_axes[0] == (1,)
