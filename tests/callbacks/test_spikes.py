"""Steps that stood out, and what is said of them."""

import numpy as np
import pytest
from helpers.training import mlp

from keras_gradclip import ClipByNorm, ClipMonitor, optimizers
from keras_gradclip.callbacks.spikes import MOST_KEPT, SpikeFinder


def rows(norms, start=0):
    norms = np.array(norms, "float32")
    steps = np.arange(start, start + len(norms))
    return {"step": steps, "epoch": steps // 100, "batch": steps % 100, "norm": norms}


def noise(steps, groups=2, seed=0):
    return 1 + 0.1 * np.random.default_rng(seed).standard_normal((steps, groups))


def test_a_spike_is_told_with_its_step_group_factor_and_batch():
    norms = noise(300)
    norms[217, 1] = 50.0
    (spike,) = SpikeFinder(["one", "two"], 20.0).add(rows(norms))
    assert (spike.step, spike.group, spike.epoch, spike.batch) == (217, "two", 2, 17)
    assert spike.norm == 50
    assert spike.factor == pytest.approx(50, rel=0.05)
    assert 300 < spike.deviations < 800


@pytest.mark.parametrize("size", [1, 7, 300])
def test_it_does_not_matter_how_steps_come(size):
    norms, finder, found = noise(300), SpikeFinder(["one", "two"], 20.0), []
    norms[[50, 150, 299], 0] = 40.0
    for start in range(0, 300, size):
        found += finder.add(rows(norms[start : start + size], start))
    assert [spike.step for spike in found] == [50, 150, 299]
    assert finder.spikes == found


def test_the_median_runs():
    # What is a spike at first is usual later.
    norms = np.concatenate([noise(400), 50 * noise(800)])
    steps = [s.step for s in SpikeFinder(["one", "two"], 20.0).add(rows(norms))]
    assert min(steps) == 400
    assert max(steps) < 600


@pytest.mark.parametrize("odd", ["constant", "zero", "broken", "few"])
def test_odd_norms_are_no_spikes(odd):
    norms = noise(100)
    if odd == "constant":
        norms[:] = 1.0
        norms[70] = 1.2
    elif odd == "zero":
        norms[:90, 0] = 0.0
    elif odd == "broken":
        norms[20:60:3] = np.inf
    else:
        norms = norms[:10]
        norms[9] = 100.0
    assert SpikeFinder(["one", "two"], 20.0).add(rows(norms)) == []


def test_the_largest_are_kept():
    finder, steps = SpikeFinder(["one"], 20.0), 100_000
    norms = noise(steps, 1)
    norms[::30, 0] = np.linspace(100, 1000, len(norms[::30]))
    finder.add(rows(norms))
    assert len(finder.spikes) == MOST_KEPT
    assert finder.spikes[-1].step == 99_990
    assert min(spike.norm for spike in finder.spikes) > 600


def test_a_monitor_tells_where_to_look_and_alerts():
    x = np.random.default_rng(0).normal(size=(1600, 4)).astype("float32")
    y = x.sum(axis=1, keepdims=True)
    y[8 * 117] = 1e5
    model, alerts = mlp(), []
    monitor = ClipMonitor(on_alert=alerts.append)
    model.compile(optimizers.SGD(1e-3, clipper=ClipByNorm(1.0)), "mse")
    model.fit(x, y, batch_size=8, shuffle=False, verbose=0, epochs=2,
              callbacks=[monitor])  # fmt: skip
    places = {(spike.epoch, spike.batch, spike.step) for spike in monitor.spikes}
    assert places == {(0, 117, 117), (1, 117, 317)}
    assert len(alerts) == 2
    assert "at step 117, batch 117 of its epoch" in alerts[0]
    assert "'global'" in alerts[0]


@pytest.mark.parametrize("value", [0, -1.0, "many"])
def test_the_deviations_are_checked(value):
    with pytest.raises(ValueError, match="`spike_deviations` must be a number above 0"):
        ClipMonitor(spike_deviations=value)
