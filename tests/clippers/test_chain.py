"""`Chain`: each link sees what the last one left, and keeps its own state."""

import numpy as np
import pytest
from helpers.stepping import (
    MODES,
    Step,
    random_gradients,
    run,
    tensors,
    trace,
    variables,
)
from rules import HISTORY_SCOPES

from keras_gradclip import (
    AGC,
    AutoClip,
    Chain,
    ClipByNorm,
    ClipByValue,
    QuantileClip,
    ZClip,
)


def clip_all(clipper, steps, mode="eager"):
    step = Step(clipper, variables(), mode)
    return trace(step, [tensors(gradients) for gradients in steps])


@pytest.mark.parametrize("mode", MODES)
def test_equals_its_links_one_after_another(mode):
    steps = random_gradients(6)
    links = [
        AutoClip(50.0, window=3, scope="layer"),
        AGC(0.5),
        ClipByValue(0.2),
        QuantileClip(initial_threshold=0.5, scope="variable"),
    ]
    done = clip_all(Chain(links), steps, mode)
    records = []
    for link in links:
        alone = clip_all(link, steps)
        steps = alone.gradients
        records.append(alone)
    for a, b in zip(done.gradients, steps):
        for x, y in zip(a, b):
            np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-7)
    for column in ("norms", "thresholds", "scales"):
        expected = np.concatenate([getattr(r, column) for r in records], axis=1)
        np.testing.assert_allclose(getattr(done, column), expected, rtol=1e-3)


def test_second_link_sees_the_clipped_norm():
    done = run(Chain([ClipByNorm(2.0), ClipByNorm(0.5)]), [8.0, 1.0])
    np.testing.assert_allclose(done.norms, [[8.0, 2.0], [1.0, 1.0]], rtol=1e-6)
    np.testing.assert_allclose(done.scales, [[0.25, 0.25], [1.0, 0.5]], rtol=1e-6)


def test_adaptive_link_after_a_fixed_one_learns_the_clipped_norms():
    done = run(Chain([ClipByNorm(2.0), AutoClip(0.0, window=5)]), [8.0, 9.0, 1.0])
    np.testing.assert_allclose(done.thresholds[:, 1], [2.0, 2.0, 1.0], rtol=1e-6)


def test_groups_are_named_by_the_position_of_their_link():
    chain = Chain([ClipByNorm(1.0), ClipByNorm(1.0, scope="layer")])
    groups = chain.group(variables())
    assert groups.names == ("0/global", "1/dense", "1/head")
    assert len(groups) == 3


def test_states_of_equal_links_are_apart():
    links = [QuantileClip(initial_threshold=float(i + 1)) for i in range(12)]
    chain = Chain(links)
    state = chain.initial_state(chain.group(variables()))
    assert len(state) == 12
    done = run(chain, [100.0])
    np.testing.assert_allclose(done.thresholds[0], np.arange(1.0, 13.0))
    assert len(done.state) == 12
    # The first link is above its threshold, which rises; what is left is below
    # the others, which fall.
    factors = [done.state[f"{i}_threshold"][0] / (i + 1) for i in range(12)]
    np.testing.assert_allclose(factors, [np.exp(0.1)] + [np.exp(-0.1)] * 11, rtol=1e-5)


def test_links_may_clip_different_variables():
    chain = Chain([ClipByNorm(1.0, exclude="head"), ClipByNorm(0.1, include="head")])
    (gradients,) = random_gradients(1)
    (clipped,) = clip_all(chain, [gradients]).gradients
    body, head = clipped[:2], clipped[2:]
    assert np.sqrt(sum((g**2).sum() for g in body)) == pytest.approx(1.0, rel=1e-5)
    assert np.sqrt(sum((g**2).sum() for g in head)) == pytest.approx(0.1, rel=1e-5)


@pytest.mark.parametrize("scope", HISTORY_SCOPES)
def test_chain_of_one_is_that_one(scope):
    steps = random_gradients(5)
    alone = clip_all(ZClip(warmup_steps=2, scope=scope), steps)
    chained = clip_all(Chain([ZClip(warmup_steps=2, scope=scope)]), steps)
    np.testing.assert_array_equal(chained.scales, alone.scales)


def test_chains_may_be_nested():
    inner = Chain([AutoClip(50.0, window=4), ClipByNorm(0.5)])
    norms = [1.0, 3.0, 0.2, 2.0]
    flat = run(Chain([ClipByNorm(2.5), *inner.clippers]), norms)
    nested = run(Chain([ClipByNorm(2.5), inner]), norms)
    np.testing.assert_array_equal(nested.scales, flat.scales)
    groups = Chain([ClipByNorm(2.5), inner]).group(variables())
    assert groups.names == ("0/global", "1/0/global", "1/1/global")


def test_links_may_be_given_by_name():
    chain = Chain(["autoclip", ClipByNorm(1.0)])
    assert isinstance(chain.clippers[0], AutoClip)


def test_one_link_that_propagates_hands_on_what_the_others_drop():
    links = [ClipByNorm(1.0, on_nonfinite="propagate"), ClipByNorm(1.0)]
    np.testing.assert_array_equal(run(Chain(links), [np.nan]).gradients[0][0], 0.0)
    links = [link.__class__(1.0, on_nonfinite="propagate") for link in links]
    assert np.isnan(run(Chain(links), [np.nan]).gradients[0][0]).all()


def test_it_pretends_to_no_argument_of_its_links():
    chain = Chain([AutoClip(scope="layer", on_nonfinite="skip")])
    assert not hasattr(chain, "scope")
    assert not hasattr(chain, "on_nonfinite")
    assert chain.skips_nonfinite
    assert list(chain.get_config()) == ["clippers", "observe_only"]
