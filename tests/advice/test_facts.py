"""What is found out about norms."""

import numpy as np
import pytest
from helpers.traces import GROUPS, SPIKES, made

from keras_gradclip.advice.facts import facts_of, norms_of_groups


def test_figures_are_those_of_the_norms():
    trace = made(broken=[7, 8])
    facts = facts_of(trace)
    norms = trace["grad_norm"][np.isfinite(trace["grad_norm"])]
    assert (facts.steps, facts.broken) == (2998, 2)
    assert facts.median == pytest.approx(np.median(norms))
    for p in (1, 50, 99):
        assert facts.percentiles[p] == pytest.approx(np.percentile(norms, p))
    assert facts.drift < 1.2


def test_spikes_are_counted_where_they_are():
    facts = facts_of(made())
    assert tuple(spike.step for spike in facts.spikes) == SPIKES
    assert (facts.loudest, facts.loudest_share) == (GROUPS[1], 1.0)
    assert facts_of(made(groups=["global"])).loudest is None


@pytest.mark.parametrize(("drift", "rises"), [(30.0, True), (1 / 30, False)])
def test_a_drift_is_no_heavy_tail(drift, rises):
    facts = facts_of(made(drift=drift, spikes=()))
    # Ten stretches: the first and the last median are 30 ** 0.9 apart.
    assert facts.drift == pytest.approx(30**0.9, rel=0.1)
    assert facts.rises is rises
    assert facts.tail < 3


def test_norms_of_nothing_are_refused():
    trace = made(steps=20, spikes=(), broken=range(20))
    with pytest.raises(ValueError, match="`trace` must hold norms above 0"):
        facts_of(trace)


def test_of_a_chain_the_first_link_saw_the_norms():
    trace = made(groups=("0/global", "1/global"))
    assert norms_of_groups(trace).shape == (3000, 1)
    assert norms_of_groups(made()).shape == (3000, 3)
