"""`ZClip` against the authors' algorithm, written out in NumPy."""

import numpy as np
import pytest
from helpers.stepping import MODES, run

from keras_gradclip import ZClip

NORMS = [1.0, 1.2, 0.8, 1.1, 10.0, 1.0, 0.9, 3.0, 1.3]


def zclip(norms, z_threshold=2.5, decay=0.97, warmup=25, max_norm=np.inf):
    """The norms after clipping, as the zclip package 1.0.0 computes them."""
    buffer, mean, variance, clipped = [], None, None, []
    for norm in norms:
        if len(buffer) < warmup:
            buffer.append(norm)
            if len(buffer) == warmup:
                mean, variance = np.mean(buffer), np.var(buffer)
            clipped.append(min(norm, max_norm))
            continue
        deviation = np.sqrt(variance)
        z = (norm - mean) / (deviation + 1e-6)
        kept = norm
        if z > z_threshold:
            kept = mean + z_threshold * deviation / (z / z_threshold)
        mean = decay * mean + (1 - decay) * kept
        variance = decay * variance + (1 - decay) * (kept - mean) ** 2
        clipped.append(min(kept, max_norm))
    return np.array(clipped)


def norms_after(done):
    return np.array([[np.linalg.norm(g) for g in row] for row in done.gradients])


def test_known_answer():
    done = run(ZClip(warmup_steps=3), NORMS)
    np.testing.assert_allclose(done.states[2]["mean"], [1.0], rtol=1e-6)
    np.testing.assert_allclose(done.states[2]["variance"], [0.0266667], rtol=1e-5)
    np.testing.assert_array_equal(done.thresholds[:3], np.inf)
    np.testing.assert_allclose(norms_after(done)[4], [1.0211651], rtol=1e-6)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "arguments",
    [{}, {"z_threshold": 1.0}, {"decay": 0.5}, {"decay": 0.0}, {"max_norm": 1.05}],
    ids=str,
)
def test_equals_the_authors_algorithm(arguments, mode):
    generator = np.random.default_rng(5)
    norms = generator.lognormal(0.0, 0.3, (60, 2))
    norms[[20, 33, 47]] *= 30
    clipper = ZClip(warmup_steps=10, scope="variable", **arguments)
    done = run(clipper, norms, mode)
    expected = [zclip(column, warmup=10, **arguments) for column in norms.T]
    np.testing.assert_allclose(norms_after(done), np.transpose(expected), rtol=1e-4)
    assert (done.scales < 0.2).any()


@pytest.mark.parametrize("warmup", [1, 2, 25])
def test_warm_up_length(warmup):
    norms = np.concatenate([np.linspace(1.0, 1.5, warmup), [50.0]])
    done = run(ZClip(warmup_steps=warmup), norms)
    np.testing.assert_array_equal(done.scales[:-1], 1.0)
    assert done.scales[-1] < 0.1
    np.testing.assert_allclose(
        norms_after(done)[:, 0], zclip(norms, warmup=warmup), 1e-4
    )


def test_larger_spike_is_cut_down_further():
    start = NORMS[:3]
    smaller, larger = (
        norms_after(run(ZClip(warmup_steps=3), [*start, spike]))[-1, 0]
        for spike in (2.0, 20.0)
    )
    assert 1.0 < larger < smaller < 2.0


def test_max_norm_binds_during_the_warm_up_and_the_averages_do_not_see_it():
    free = run(ZClip(warmup_steps=3), NORMS)
    capped = run(ZClip(warmup_steps=3, max_norm=0.95), NORMS)
    np.testing.assert_allclose(
        norms_after(capped), np.minimum(norms_after(free), 0.95), rtol=1e-5
    )
    np.testing.assert_array_equal(capped.state["mean"], free.state["mean"])


def test_norm_that_is_no_spike_is_left_alone_whatever_its_size():
    # The authors add 1e-6 to the deviation, which rules where norms are small:
    # nothing is a spike there.
    norms = [1e-8, 1.1e-8, 1.2e-8, 3e-8]
    np.testing.assert_allclose(zclip(norms, warmup=2), norms)
    done = run(ZClip(warmup_steps=2), norms)
    np.testing.assert_array_equal(done.scales, 1.0)


def test_norm_that_is_no_spike_is_left_alone_after_equal_norms():
    # The deviation is 0, and z is 1.
    norms = [1.0, 1.0, 1.000001]
    done = run(ZClip(warmup_steps=2), norms)
    np.testing.assert_array_equal(done.scales, 1.0)
