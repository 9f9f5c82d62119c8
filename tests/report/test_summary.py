"""The figures in words: each is that of the trace."""

import numpy as np
import pytest
from helpers.traces import SPIKES, made

from keras_gradclip.report import summarize


def test_every_figure_is_the_traces():
    trace = made(drift=3.0, bound=2.0, broken=[7, 9])
    clipped, finite = trace["scale"] < 1, trace.finite
    words = " ".join(summarize(trace).words)
    share = 100 * clipped[finite].any(axis=1).mean()
    scale = np.median(trace["scale"][finite][clipped[finite]])
    assert f"{share:.3g} % of steps were clipped, to {scale:.2g} of" in words
    by_group = clipped[finite].sum(axis=0)
    part = 100 * by_group[1] / by_group.sum()
    assert by_group[0] > 0
    assert f"{part:.3g} % of the clipping came from lstm/recurrent_kernel." in words
    assert "2 steps held a NaN or an inf and were dropped." in words
    norms = trace["grad_norm"][finite]
    assert f"was {np.median(norms):.3g} on the median and {norms.max():.3g}" in words
    assert "All of this is of 3,000 steps." in words


def test_spikes_are_told_with_the_batch_to_look_at():
    found = summarize(made())
    assert [spike.step for spike in found.spikes] == list(SPIKES)
    (words,) = [text for text in found.words if "spikes" in text]
    floor = float(words.split()[3])
    least = min(spike.factor for spike in found.spikes)
    assert floor <= least < 1.1 * floor
    assert words.endswith("the first at step 500, batch 100.")


def test_what_a_monitor_found_wins():
    found = summarize(made(), spikes=summarize(made()).spikes[1:2])
    assert "1 spike above" in " ".join(found.words)
    assert "the only one at step 1,204, batch 4." in " ".join(found.words)
    assert "No spikes." in summarize(made(), spikes=()).words


def test_who_only_observed_clipped_nothing():
    acting, observing = made(bound=2.0), made(bound=2.0, observed=True)
    found = summarize(observing)
    assert found.observed
    assert not summarize(acting).observed
    assert found.clipped == summarize(acting).clipped
    assert found.words[0].startswith("Nothing was clipped: the rule only observed. ")
    assert "% of the clipping would have come from" in found.words[1]


def test_nothing_clipped_and_nothing_done():
    calm = made(steps=50, spikes=(), bound=1e9)
    assert summarize(calm).words[0] == "No step was clipped."
    assert summarize(calm.rows(slice(0, 0))).words[0] == "No step was taken."


def test_broken_steps_that_were_handed_on_were_not_dropped():
    trace = made(steps=50, spikes=(), broken=[7, 9])
    trace["grad_norm_clipped"][7] = np.inf
    words = " ".join(summarize(trace).words)
    assert "2 steps held a NaN or an inf, 1 of which was dropped." in words


def test_a_thinned_trace_says_so():
    words = summarize(made(every=4)).words
    assert words[-1] == "All of this is of every 4th step, 3,000 in all."


@pytest.mark.parametrize("steps", [[], range(20)])
def test_no_finite_step_is_no_error(steps):
    trace = made(steps=20, spikes=(), broken=range(20)).rows(list(steps))
    assert summarize(trace).words
