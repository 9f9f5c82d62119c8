"""`SkipSpikes`: which steps are skipped, and that nothing is left of those."""

import keras
import numpy as np
import pytest
from helpers.replicas import mirrored
from helpers.stepping import MODES, run
from helpers.training import BACKEND, RUN_MODES, assert_same, data, fit, mlp, weights

from keras_gradclip import AutoClip, Chain, ClipByNorm, ClipMonitor, SkipSpikes
from keras_gradclip.optimizers import Adam

CALM = [1.0, 1.2, 0.8, 1.1, 0.9, 1.0]
every_mode = pytest.mark.parametrize("mode", RUN_MODES)


def early(**arguments):
    return SkipSpikes(**{"warmup_steps": 4, "window": 8, **arguments})


def is_skipped(done):
    return ~done.scales.any(axis=1)


@pytest.mark.parametrize("mode", MODES)
def test_a_spike_is_dropped_and_the_steps_around_it_are_left_alone(mode):
    done = run(early(), [*CALM, 50.0, 1.1, 0.9], mode)
    assert is_skipped(done).tolist() == [*[False] * 6, True, False, False]
    assert set(np.unique(done.scales)) == {0.0, 1.0}
    assert not done.gradients[6][0].any()
    assert done.whole_after[6] == 0.0


def test_no_more_than_so_many_in_a_row_are_dropped():
    clipper = SkipSpikes(None, max_norm=2.0, max_in_a_row=3)
    done = run(clipper, [9.0] * 8)
    assert is_skipped(done).tolist() == [*[True] * 3, False] * 2


def test_a_lasting_rise_is_soon_the_rule():
    done = run(early(window=16, warmup_steps=16), [*CALM * 3, *[20.0] * 30])
    skipped = is_skipped(done)
    assert skipped[18:].sum() < 10
    assert not skipped[30:].any()


def test_a_spike_of_one_layer_drops_the_whole_step():
    norms = np.ones((6, 2))
    norms[5, 1] = 30.0
    assert run(early(), norms[:, :1]).scales.all()
    done = run(early(scope="layer"), norms)
    np.testing.assert_array_equal(done.scales[5], 0.0)
    np.testing.assert_array_equal(done.scales[:5], 1.0)


def test_variables_that_are_not_watched_are_dropped_too():
    norms = np.ones((6, 2))
    norms[5, 0] = 30.0
    done = run(early(exclude="layer_1"), norms)
    assert not any(gradient.any() for gradient in done.gradients[5])
    np.testing.assert_array_equal(done.whole_after[5], 0.0)


def test_a_nan_never_enters_the_window():
    done = run(early(), [*CALM[:3], np.nan, *CALM[3:], 50.0])
    without = run(early(), [*CALM, 50.0])
    for name, value in without.state.items():
        np.testing.assert_array_equal(done.state[name], value)
    assert is_skipped(done)[-1]


def test_later_links_of_a_chain_do_not_learn_from_a_skipped_step():
    norms = [*CALM, 50.0]
    done = run(Chain([early(), AutoClip(50)]), norms)
    alone = run(AutoClip(50), CALM)
    for name, value in alone.state.items():
        np.testing.assert_array_equal(done.state[f"1_{name}"], value)


def test_one_of_the_two_bounds_there_must_be():
    with pytest.raises(ValueError, match=r"`deviations` must not be None.*max_norm"):
        SkipSpikes(None)


# Whole updates.

CLIPPERS = {
    "alone": lambda: SkipSpikes(None, max_norm=1e4),
    "link": lambda: Chain([SkipSpikes(None, max_norm=1e4), AutoClip(30)]),
    "last link": lambda: Chain([ClipByNorm(1e9), SkipSpikes(None, max_norm=1e4)]),
}
every_clipper = pytest.mark.parametrize("kind", CLIPPERS)


def fit_spike(model, factor=1e6, **arguments):
    x, y = data(samples=8)
    model.fit(x, factor * y, batch_size=8, shuffle=False, verbose=0, **arguments)


def everything(model):
    """All that a skipped update must leave alone."""
    own = model.optimizer.clip_state.variables
    told = {id(v) for name, v in own.items() if name != "taken"}
    kept = [v for v in model.optimizer.variables if id(v) not in told]
    return weights(model) + [keras.ops.convert_to_numpy(v) for v in kept]


@every_clipper
@every_mode
def test_a_spike_leaves_weights_slots_averages_and_iterations_alone(kind, mode):
    model = mlp()
    optimizer = Adam(0.01, clipper=CLIPPERS[kind](), weight_decay=0.1)
    fit(model, optimizer, epochs=1, **RUN_MODES[mode])
    before = everything(model)
    fit_spike(model)
    assert_same(before, everything(model))
    assert optimizer.clip_state.count_skipped() == (1, 1)
    assert optimizer.clip_state.count_skipped(nonfinite=True) == (0, 0)
    fit_spike(model, factor=1.0)
    assert (weights(model)[0] != before[0]).any()
    assert int(optimizer.iterations) == 9
    assert optimizer.clip_state.count_skipped() == (1, 0)


def test_the_mean_of_accumulated_gradients_is_what_may_be_a_spike():
    model = mlp()
    clipper = SkipSpikes(None, max_norm=1e4)
    optimizer = Adam(0.01, clipper=clipper, gradient_accumulation_steps=2)
    fit(model, optimizer, epochs=1)
    before = everything(model)
    x, y = data(samples=8)
    model.fit(x, 1e6 * y, batch_size=4, shuffle=False, verbose=0)
    assert_same(before, everything(model))


def test_the_monitor_does_not_call_a_skipped_spike_broken():
    model, monitor = mlp(), ClipMonitor()
    fit(model, Adam(0.01, clipper=SkipSpikes(None, max_norm=1e4)), epochs=1)
    history = model.fit(*data(samples=8), verbose=0, callbacks=[monitor]).history
    assert history["clip_fraction"] == [0.0]
    x, y = data(samples=8)
    history = model.fit(x, 1e6 * y, verbose=0, callbacks=[monitor]).history
    assert history["clip_fraction"] == [1.0]
    assert history["clip_nonfinite"] == [0]


def test_the_monitor_still_counts_what_is_broken():
    model, monitor = mlp(), ClipMonitor()
    clipper = SkipSpikes(None, max_norm=1e4, on_nonfinite="skip")
    fit(model, Adam(0.01, clipper=clipper), epochs=1)
    x, y = data(samples=8)
    x[0, 0] = np.nan
    history = model.fit(x, y, verbose=0, callbacks=[monitor]).history
    assert history["clip_nonfinite"] == [1]


@pytest.mark.skipif(BACKEND != "tensorflow", reason="tf.distribute is TensorFlow's")
@pytest.mark.filterwarnings("ignore")
def test_replicas_skip_together():
    with mirrored(2).scope():
        model = mlp()
        optimizer = Adam(0.01, clipper=SkipSpikes(None, max_norm=1e4))
        fit(model, optimizer, epochs=1, jit_compile=False)
        before = everything(model)
        # Only the second replica's half is a spike.
        x, y = data(samples=8)
        y[4:] *= 1e6
        model.fit(x, y, batch_size=8, shuffle=False, verbose=0)
    assert_same(before, everything(model))
    for weight in model.trainable_variables:
        first, second = (v.numpy() for v in weight.value.values)
        np.testing.assert_array_equal(first, second)
