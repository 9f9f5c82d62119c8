"""Replaying: a rule decides for norms as it does in training."""

import numpy as np
import pytest
from helpers.training import fit, mlp
from rules import RULES

from keras_gradclip import (
    AGC,
    AutoClip,
    Chain,
    ClipByRMS,
    ClipByValue,
    ClipMonitor,
    optimizers,
)
from keras_gradclip.advice.replay import CannotReplay, replay, short
from keras_gradclip.clippers import NormClipper


@pytest.mark.parametrize("name", RULES)
def test_known_answers(name):
    for arguments, norms, thresholds in RULES[name].answers:
        rule = RULES[name].cls(**arguments)
        given = np.array(norms)[:, None]
        if not isinstance(rule, NormClipper) or isinstance(rule, AGC | ClipByRMS):
            with pytest.raises(CannotReplay):
                replay(rule, given)
            continue
        found = replay(rule, given).thresholds
        np.testing.assert_allclose(found[:, 0], thresholds, rtol=1e-5)


@pytest.mark.parametrize("scope", ["global", "variable"])
def test_what_was_trained_comes_out_again(scope):
    monitor, rule = ClipMonitor(), AutoClip(30, window=4, scope=scope)
    fit(mlp(), optimizers.SGD(0.01, clipper=rule), callbacks=[monitor])
    trace = monitor.trace
    found = replay(rule, trace["norm"])
    np.testing.assert_allclose(found.thresholds, trace["threshold"], rtol=1e-5)
    np.testing.assert_allclose(found.scales, trace["scale"], rtol=1e-5)
    assert (found.scales < 1).any()


def test_a_broken_step_is_dropped_and_not_learned_from():
    norms = np.array([1.0, 2.0, np.inf, 3.0])[:, None]
    found = replay(AutoClip(100), norms)
    assert found.scales[:, 0].tolist() == [1, 1, 0, 1]
    assert found.thresholds[3, 0] == 3


def test_what_norms_do_not_tell_is_refused_with_the_reason():
    norms = np.ones((3, 1))
    for rule in (ClipByValue(), Chain([AutoClip()])):
        with pytest.raises(CannotReplay, match="more than norms"):
            replay(rule, norms)
    for scope in ("unit", "variable"):
        with pytest.raises(CannotReplay, match="looks at the weights"):
            replay(AGC(scope=scope), norms)


def test_a_rule_is_written_without_its_defaults():
    assert short(AutoClip()) == "AutoClip()"
    assert short(AutoClip(90, window=8)) == "AutoClip(percentile=90, window=8)"
    assert short(AutoClip(scope="layer")) == "AutoClip(scope='layer')"
