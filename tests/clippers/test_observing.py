"""`observe_only`: a rule that measures and learns, and changes nothing."""

import keras
import numpy as np
import pytest
from helpers.cases import clip_all, most_cases, step_of
from helpers.stepping import (
    Step,
    array,
    arrays,
    random_gradients,
    tensors,
    variables,
)
from helpers.training import (
    RUN_MODES,
    assert_same,
    assert_untouched,
    data,
    fit,
    mlp,
    weights,
)
from rules import RULES

from keras_gradclip import AutoClip, Chain, ClipByNorm, ClipMonitor, Clipper, optimizers
from keras_gradclip.clippers import GroupedClipper


@most_cases
def test_gradients_pass_as_they_are_and_the_rest_is_as_ever(name, scope):
    if name == "Chain":
        pytest.skip("a chain has a test of its own")
    steps = random_gradients(6)
    acting = step_of(name, scope)
    observing = step_of(name, scope, observe_only=True)
    state = acting.initial_state()
    for t, gradients in enumerate(steps):
        _, expected, record = acting(tensors(gradients), state, t)
        given, found, observed = observing(tensors(gradients), state, t)
        assert_same(arrays(given), gradients)
        for key, value in expected.items():
            np.testing.assert_array_equal(array(found[key]), array(value))
        norms, thresholds, scales, whole, after = map(np.asarray, arrays(observed))
        np.testing.assert_array_equal(norms, arrays(record)[0])
        np.testing.assert_array_equal(thresholds, arrays(record)[1])
        assert (scales == 1).all()
        assert whole == after
        state = expected


def test_a_chain_observes_as_one():
    links = [ClipByNorm(1.0), ClipByNorm(0.5)]
    done = clip_all(_step(Chain(links, observe_only=True)), random_gradients(3))
    assert_same([*map(np.concatenate, map(_flat, done.gradients))], _rows(3))
    acting = clip_all(_step(Chain(links)), random_gradients(3))
    np.testing.assert_array_equal(done.norms, acting.norms)
    np.testing.assert_array_equal(done.thresholds, acting.thresholds)
    assert (np.asarray(done.scales) == 1).all()


def test_a_link_may_observe_alone():
    chain = Chain([ClipByNorm(1.0, observe_only=True), ClipByNorm(2.0)])
    done = clip_all(_step(chain), random_gradients(3))
    assert (np.asarray(done.scales)[:, 0] == 1).all()
    np.testing.assert_allclose(done.whole_after, np.minimum(done.whole, 2.0), 1e-5)


def test_a_broken_gradient_is_handed_on_and_never_skipped():
    broken = random_gradients(1)[0]
    broken[1][0] = np.nan
    for on_nonfinite in ("zero", "skip"):
        rule = ClipByNorm(1.0, on_nonfinite=on_nonfinite, observe_only=True)
        assert not rule.skips_nonfinite
        links = [ClipByNorm(on_nonfinite="skip")]
        assert not Chain(links, observe_only=True).skips_nonfinite
        done = clip_all(_step(rule), [broken])
        assert_same(done.gradients[0], broken)


@pytest.mark.parametrize("mode", RUN_MODES)
def test_the_weights_are_those_of_no_clipper(mode):
    plain, ours, monitor = mlp(), mlp(), ClipMonitor()
    fit(plain, keras.optimizers.Adam(0.01), **RUN_MODES[mode])
    clipper = AutoClip(10, scope="layer", observe_only=True)
    logs = fit(
        ours, optimizers.Adam(0.01, clipper=clipper), callbacks=[monitor],
        **RUN_MODES[mode],
    ).history  # fmt: skip
    assert_untouched(weights(plain), weights(ours))
    assert logs["clip_fraction"] == [0.0, 0.0]
    assert logs["clip_scale"] == [1.0, 1.0]
    trace = monitor.trace
    assert (trace["norm"] > trace["threshold"]).any()
    np.testing.assert_array_equal(trace["grad_norm"], trace["grad_norm_clipped"])


def test_weights_become_nan_as_without_a_clipper():
    model = mlp()
    clipper = AutoClip(10, on_nonfinite="skip", observe_only=True)
    model.compile(optimizers.SGD(0.01, clipper=clipper), "mse")
    x, y = data()
    y[:8] = np.nan
    model.fit(x, y, batch_size=8, epochs=1, shuffle=False, verbose=0)
    assert np.isnan(weights(model)[0]).all()
    assert int(keras.ops.convert_to_numpy(model.optimizer.iterations)) == 8


def test_it_cannot_be_changed_once_in_use():
    optimizer = optimizers.SGD(clipper=AutoClip(observe_only=True))
    optimizer.build([keras.Variable([1.0])])
    with pytest.raises(AttributeError, match=r"`observe_only`.*cannot be changed"):
        optimizer.clipper.observe_only = False


def test_a_rule_of_ones_own_observes_without_a_line_for_it():
    class Halve(GroupedClipper):
        def clip(self, gradients, state, weights, step, groups):
            clipped, _, record = ClipByNorm(1.0).clip(
                gradients, {}, weights, step, groups
            )
            return clipped, state, record

    steps = random_gradients(2)
    done = clip_all(_step(Halve(observe_only=True)), steps)
    assert_same(done.gradients[0], steps[0])
    assert issubclass(Halve, Clipper)


def test_every_rule_has_it():
    for row in RULES.values():
        assert row.make("tight").get_config()["observe_only"] is False


def _step(clipper):
    return Step(clipper, variables())


def _flat(gradients):
    return [np.ravel(g) for g in gradients]


def _rows(steps):
    return [np.concatenate(_flat(g)) for g in random_gradients(steps)]
