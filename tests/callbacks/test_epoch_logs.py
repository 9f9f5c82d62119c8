"""The figures of an epoch: steps that were dropped are told."""

import warnings

import numpy as np
import pytest
from helpers.training import data, fit, mlp

from keras_gradclip import AutoClip, ClipByNorm, ClipMonitor, ZClip, optimizers
from keras_gradclip.callbacks.epoch_logs import EpochLogs


def fit_broken(broken, on_nonfinite="zero", batches=8, **arguments):
    """Trains with NaN in some batches; returns the monitor and the logs."""
    model, monitor = mlp(), ClipMonitor(**arguments)
    clipper = AutoClip(100, on_nonfinite=on_nonfinite)
    model.compile(optimizers.SGD(0.001, clipper=clipper), "mse")
    x, y = data(8 * batches)
    for batch in broken:
        y[8 * batch] = np.nan
    history = model.fit(
        x, y, batch_size=8, shuffle=False, verbose=0, callbacks=[monitor]
    )
    return monitor, {name: values[0] for name, values in history.history.items()}


def part(norms, scales, thresholds=None):
    norms, scales = np.array(norms, "float32"), np.array(scales, "float32")
    whole = np.sqrt(np.square(norms).sum(axis=1))
    after = scales * np.where(scales > 0, norms, 0)
    clipped = np.sqrt(np.square(after).sum(axis=1))
    bounds = norms if thresholds is None else np.array(thresholds, "float32")
    return {
        "step": np.arange(len(norms)),
        "grad_norm": whole,
        "grad_norm_clipped": clipped,
        "norm": norms,
        "threshold": bounds,
        "scale": scales,
    }


@pytest.mark.parametrize("on_nonfinite", ["zero", "skip"])
def test_half_of_the_steps_dropped(on_nonfinite):
    _, logs = fit_broken([0, 2, 3, 7], on_nonfinite)
    assert logs["clip_nonfinite"] == 4
    # Percentile 100 clips nothing else.
    assert logs["clip_scale"] == pytest.approx(0.5)
    assert logs["clip_fraction"] == pytest.approx(0.5)
    assert np.isfinite([logs["grad_norm"], logs["clip_threshold"]]).all()


@pytest.mark.parametrize("on_nonfinite", ["zero", "skip"])
def test_all_steps_dropped(on_nonfinite):
    _, logs = fit_broken(range(8), on_nonfinite)
    assert logs["clip_nonfinite"] == 8
    assert logs["clip_scale"] == 0
    assert logs["clip_fraction"] == 1
    assert logs["grad_norm_clipped"] == 0


def test_a_step_that_went_through_is_counted_but_not_dropped():
    _, logs = fit_broken([7], "propagate")
    assert logs["clip_nonfinite"] == 1
    assert logs["clip_scale"] == 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("on_nonfinite", ["zero", "skip"])
def test_many_in_a_row_are_warned_of_once(on_nonfinite):
    with pytest.warns(UserWarning, match="5 steps in a row held a NaN") as caught:
        fit_broken(range(3, 8), on_nonfinite, dropped_in_a_row=4)
    assert sum("in a row" in str(warning.message) for warning in caught) == 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("on_nonfinite", ["zero", "skip"])
def test_a_run_goes_on_over_epochs(on_nonfinite):
    model, monitor = mlp(), ClipMonitor(dropped_in_a_row=12)
    clipper = AutoClip(100, on_nonfinite=on_nonfinite)
    model.compile(optimizers.SGD(0.001, clipper=clipper), "mse")
    x, y = data()
    with pytest.warns(UserWarning, match="16 steps in a row"):
        model.fit(x, y * np.nan, batch_size=8, epochs=3, verbose=0, callbacks=[monitor])


def test_few_in_a_row_are_not_warned_of():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _, logs = fit_broken([0, 1, 2, 4, 5, 6], dropped_in_a_row=4)
    assert not [w for w in caught if "in a row" in str(w.message)]
    assert logs["clip_nonfinite"] == 6


@pytest.mark.parametrize("value", [0, -1, 2.5, True, "many"])
def test_how_many_is_checked(value):
    with pytest.raises(ValueError, match="`dropped_in_a_row` must be an integer"):
        ClipMonitor(dropped_in_a_row=value)


def test_parts_together_are_as_one():
    whole, parts = EpochLogs(), EpochLogs()
    rows = part([[3, 4], [6, 8], [np.inf, 1]], [[1, 1], [0.5, 1], [0, 0]])
    whole.add(rows)
    for i in range(3):
        parts.add({name: values[i : i + 1] for name, values in rows.items()})
    assert parts.figures() == pytest.approx(whole.figures())
    assert whole.figures() == pytest.approx(
        {
            "grad_norm": 7.5,
            "grad_norm_clipped": (5 + 73**0.5) / 2,
            "grad_norm_p50": 7.5,
            "grad_norm_p90": 9.5,
            "grad_norm_p99": 9.95,
            "clip_threshold": 21 / 4,
            "clip_scale": 3.5 / 6,
            "clip_fraction": 0.5,
            "clip_nonfinite": 1,
        }
    )


def test_bounds_that_are_none_do_not_enter_the_mean():
    logs = EpochLogs()
    logs.add(part([[3.0], [4.0]], [[1], [1]], thresholds=[[np.inf], [7.0]]))
    assert logs.figures()["clip_threshold"] == 7


def test_an_epoch_without_an_update():
    logs = EpochLogs()
    logs.add(part(np.zeros((0, 2)), np.zeros((0, 2))))
    assert logs.figures() == {
        "grad_norm": float("inf"),
        "grad_norm_clipped": 0,
        "grad_norm_p50": float("inf"),
        "grad_norm_p90": float("inf"),
        "grad_norm_p99": float("inf"),
        "clip_threshold": float("inf"),
        "clip_scale": 1,
        "clip_fraction": 0,
        "clip_nonfinite": 0,
    }


@pytest.mark.parametrize("max_norm", [float("inf"), 1e30, 3.4e38])
def test_a_bound_that_is_none_spoils_no_figure(max_norm):
    monitor = ClipMonitor()
    optimizer = optimizers.SGD(0.01, clipper=ClipByNorm(max_norm))
    logs = fit(mlp(), optimizer, epochs=1, callbacks=[monitor]).history
    assert logs["clip_fraction"] == [0.0]
    assert logs["clip_scale"] == [1.0]
    (threshold,) = logs["clip_threshold"]
    assert threshold == pytest.approx(max_norm, rel=1e-6)
    if np.isinf(max_norm):
        assert np.isinf(monitor.trace["threshold"]).all()


def test_a_rule_without_a_bound_at_first_has_the_mean_of_those_it_had():
    monitor = ClipMonitor()
    optimizer = optimizers.SGD(0.01, clipper=ZClip(warmup_steps=4))
    logs = fit(mlp(), optimizer, epochs=1, callbacks=[monitor]).history
    thresholds = monitor.trace["threshold"][:, 0]
    assert np.isinf(thresholds[:4]).all()
    assert np.isfinite(thresholds[4:]).all()
    expected = thresholds[4:].mean()
    assert logs["clip_threshold"][0] == pytest.approx(expected, rel=1e-5)
