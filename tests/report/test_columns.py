"""A run in few columns: what the page's pictures are drawn from."""

import numpy as np
from helpers.traces import GROUPS, made

from keras_gradclip.report.columns import COLUMNS, MAX_GROUPS, columns_of


def test_columns_are_stretches_of_the_run():
    trace = made(broken=[7])
    found = columns_of(trace)
    assert len(found["first"]) == COLUMNS
    assert (found["first"][0], found["last"][-1]) == (0, 2999)
    assert found["broken"][0] == 1
    assert sum(found["broken"]) == 1
    assert [c["name"] for c in found["curves"]] == ["whole gradient", *GROUPS]
    curve = found["curves"][2]
    last = slice(found["first"][-1], None)
    for name, of in (("low", np.min), ("middle", np.median), ("high", np.max)):
        np.testing.assert_allclose(curve[name][-1], of(trace["norm"][last, 1]), 1e-3)
    np.testing.assert_allclose(curve["bound"], 3.0)
    clipped = (trace["scale"][last, 1] < 1).mean()
    np.testing.assert_allclose(curve["clipped"][-1], clipped, atol=1e-4)
    expected = np.percentile(trace["norm"][trace.finite, 1], 90)
    np.testing.assert_allclose(curve["percentiles"][89], expected, 1e-3)


def test_no_bound_is_none_and_no_number():
    trace = made(steps=10, spikes=(), broken=[3])
    trace["threshold"][0] = np.inf
    trace["threshold"][1] = np.finfo("float32").max
    curve = columns_of(trace)["curves"][1]
    assert curve["bound"][:2] == [None, None]
    assert curve["ratio"][:2] == [None, None]
    assert curve["middle"][3] is None


def test_of_very_many_groups_those_clipped_most_are_kept():
    trace = made(steps=30, spikes=())
    names = [f"layer_{i}" for i in range(60)]
    wide = {
        n: np.repeat(trace[n][:, :1], 60, axis=1) if trace[n].ndim == 2 else trace[n]
        for n in trace
    }
    wide["scale"][:, 55] = 0.5
    found = columns_of(type(trace)(wide, names))
    assert len(found["curves"]) == MAX_GROUPS + 1
    assert found["groups"] == 60
    assert "layer_55" in [curve["name"] for curve in found["curves"]]
