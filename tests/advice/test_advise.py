"""Advice: what rules would have done, what to set, and what it cannot know."""

import re

import numpy as np
import pytest
from helpers.traces import made
from helpers.training import fit, mlp

import keras_gradclip
from keras_gradclip import (
    AutoClip,
    ClipMonitor,
    QuantileClip,
    ZClip,
    advise,
    optimizers,
)
from keras_gradclip.advice.facts import facts_of
from keras_gradclip.advice.verdicts import bounds, verdicts
from keras_gradclip.clippers import rules


@pytest.fixture(scope="module")
def calm():
    return advise(made())


@pytest.fixture(scope="module")
def rising():
    return advise(made(drift=30.0), optimizer="")


def row(advice, rule):
    (found,) = [r for r in advice.verdicts if r.rule == rule]
    return found


def test_every_rule_of_the_package_is_there(calm):
    told = {type(r.clipper).__name__ for r in calm.verdicts}
    assert told == set(rules.__all__) - {"Chain"}
    assert {r["rule"] for r in calm.table()} == {r.rule for r in calm.verdicts}


def test_a_bound_is_held_against_each_step(calm):
    trace = made()
    tried = [r for r in calm.verdicts if r.rule.startswith("ClipByNorm")]
    assert [r.clipper.max_norm for r in tried] == bounds(facts_of(trace))
    for r in tried:
        share = (trace["grad_norm"] > r.clipper.max_norm).mean()
        assert r.clipped == pytest.approx(share)


def test_a_share_is_of_steps_and_groups(calm):
    assert row(calm, "AutoClip()").clipped == pytest.approx(0.9, abs=0.03)
    assert np.isnan(row(calm, "AGC()").clipped)
    assert "weights" in row(calm, "AGC()").note


def test_rare_spikes_want_what_cuts_them_off(calm):
    assert type(calm.rule) is ZClip
    assert calm.rule.scope == "layer"  # they all came from one
    assert calm.global_clipnorm == 3.5
    assert (made()["grad_norm"] < 3.5).mean() == pytest.approx(0.95, abs=0.01)


def test_rising_norms_want_what_follows(rising):
    assert row(rising, "AutoClip()").lost
    assert row(rising, "AdaGC()").lost
    assert type(rising.rule) is QuantileClip
    assert row(rising, "QuantileClip(quantile=0.9)").lost == ()
    avoided = " ".join(rising.avoid)
    for what in ("AutoClip without a window", "AdaGC", "A bound of 1"):
        assert what in avoided


def test_lost_stretches_are_joined(rising):
    (first, *_), bound = row(rising, "AutoClip()").lost, 2999
    assert first[0] == 0
    assert all(0 <= a < b <= bound for a, b in row(rising, "AutoClip()").lost)


def test_falling_norms_are_no_reason_against_adagc():
    advice = advise(made(drift=1 / 30, steps=600, spikes=()), optimizer="SGD")
    assert "AdaGC" not in " ".join(advice.avoid)
    assert "fell" in " ".join(advice.reasons)


def test_a_heavy_tail_wants_a_percentile():
    advice = advise(made(steps=600, spread=1.2, spikes=()))
    assert type(advice.rule) is AutoClip
    assert advice.rule.percentile == 10


@pytest.mark.parametrize(
    ("optimizer", "words"),
    [("adamw", "AGC(0.01) with adamw"), ("Muon", "global norm with Muon"), ("SGD", "")],
)
def test_what_an_optimizer_does_not_bear(optimizer, words):
    advice = advise(made(steps=300, spikes=()), optimizer=optimizer)
    avoided = " ".join(advice.avoid)
    assert words in avoided
    assert ("AGC(0.01)" in avoided) is (optimizer == "adamw")
    assert (advice.rule is None) is (optimizer == "Muon")
    assert (advice.global_clipnorm is None) is (optimizer == "Muon")


def test_the_optimizer_is_taken_from_the_trace():
    monitor = ClipMonitor()
    clipper = AutoClip(scope="layer", observe_only=True)
    fit(mlp(), optimizers.Adam(0.01, clipper=clipper), epochs=4, callbacks=[monitor])
    advice = advise(monitor.trace)
    assert "AGC(0.01) with Adam:" in " ".join(advice.avoid)
    assert not any("was clipped" in text for text in advice.unknown)


def test_it_says_what_it_cannot_know(calm):
    text = " ".join(calm.unknown)
    assert "Other clipping would have led to" in text
    assert "of a run that was clipped" in text
    one = advise(
        made(steps=300, groups=["global"], spikes=(), observed=True), max_steps=100
    )
    text = " ".join(one.unknown)
    assert "of a run that was clipped" not in text
    assert "Every 3rd step" in text
    assert "one group only" in text


def test_its_text_has_all_of_it(calm):
    text = str(calm)
    flat = re.sub(r"\s+", " ", text)
    for part in (*calm.reasons, *calm.avoid, *calm.unknown):
        assert part in flat
    assert "3,000 steps with a finite gradient, 0 without" in flat
    assert "3 spikes" in flat
    for r in calm.verdicts:
        assert r.rule in text
    share = 100 * row(calm, "ZClip()").clipped
    assert f"{share:.1f} %" in text


def test_a_new_rule_joins_by_its_export(monkeypatch):
    class HalfOfTheLast(keras_gradclip.EMAClip):
        """A stand-in for a rule of tomorrow."""

    monkeypatch.setattr(rules, "HalfOfTheLast", HalfOfTheLast, raising=False)
    monkeypatch.setattr(rules, "__all__", [*rules.__all__, "HalfOfTheLast"])
    trace = made(steps=100, spikes=())
    told = [r.rule for r in verdicts(trace, facts_of(trace))]
    assert "HalfOfTheLast()" in told


@pytest.mark.parametrize("value", [99, 1e3, True, None])
def test_how_many_steps_is_checked(value):
    with pytest.raises(ValueError, match="`max_steps` must be an integer"):
        advise(made(steps=100, spikes=()), max_steps=value)


def test_the_optimizer_is_a_name():
    with pytest.raises(ValueError, match="`optimizer` must be the name"):
        advise(made(steps=100, spikes=()), optimizer=optimizers.SGD())
