"""Traces: their columns, how they grow, and files of them."""

import numpy as np
import pytest

from keras_gradclip import Trace, read_trace
from keras_gradclip.callbacks.trace import COLUMNS
from keras_gradclip.callbacks.trace_builder import TraceBuilder

GROUPS = ("first/kernel", "second, third")


def columns(steps=5, start=0):
    step = np.arange(start, start + steps)
    random = np.random.default_rng(start)
    norm = random.lognormal(size=(steps, 2)).astype("float32")
    whole = np.sqrt(np.square(norm).sum(axis=1))
    scale = np.minimum(1, 1 / norm)
    return {
        "step": step,
        "epoch": step // 3,
        "batch": step % 3,
        "grad_norm": whole,
        "grad_norm_clipped": whole / 2,
        "norm": norm,
        "threshold": np.full((steps, 2), [1.0, np.inf], "float32"),
        "scale": scale,
    }


def made(steps=5, **arguments):
    return Trace(columns(steps), GROUPS, **arguments)


def assert_equal(first, second):
    assert first.groups == second.groups
    for name in COLUMNS:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


def test_it_is_a_mapping_of_its_columns():
    trace = made()
    assert tuple(trace) == COLUMNS
    assert trace.steps == 5
    assert trace.groups == GROUPS
    assert trace["norm"].shape == (5, 2)


def test_epoch_and_batch_may_be_unknown():
    known = {k: v for k, v in columns().items() if k not in ("epoch", "batch")}
    trace = Trace(known, GROUPS)
    assert (trace["epoch"] == -1).all()
    assert (trace["batch"] == -1).all()


def test_a_column_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"'norm' of shape .5, 2.*Received: none"):
        Trace({k: v for k, v in columns().items() if k != "norm"}, GROUPS)
    with pytest.raises(ValueError, match=r"'norm' of shape .5, 1"):
        Trace(columns(), ["one"])


def test_finite_tells_the_steps_that_were():
    arrays = columns()
    arrays["norm"][1, 0] = arrays["grad_norm"][1] = np.inf
    assert Trace(arrays, GROUPS).finite.tolist() == [True, False, True, True, True]


def test_rows_are_chosen_with_all_that_is_known():
    trace = made(name="adam", every=2, settings={"clipper": "AGC"}).rows(slice(1, 3))
    assert trace["step"].tolist() == [1, 2]
    assert (trace.name, trace.every, trace.settings) == ("adam", 2, {"clipper": "AGC"})


@pytest.mark.parametrize("suffix", ["csv", "npz"])
def test_a_file_gives_the_trace_back(suffix, tmp_path):
    arrays = columns()
    arrays["norm"][1, 0] = arrays["grad_norm"][1] = np.inf
    trace = Trace(arrays, GROUPS)
    path = getattr(trace, f"to_{suffix}")(tmp_path / f"trace.{suffix}")
    assert_equal(read_trace(path), trace)


def test_npz_keeps_name_and_settings(tmp_path):
    path = made(name="adam", every=4, settings={"clipper": "AGC()"}).to_npz(
        tmp_path / "trace.npz"
    )
    found = read_trace(path)
    assert (found.name, found.every) == ("adam", 4)
    assert found.settings == {"clipper": "AGC()"}


def test_the_csv_has_a_column_of_each_group(tmp_path):
    head = made().to_csv(tmp_path / "t.csv").read_text(encoding="utf-8").splitlines()
    assert head[0] == (
        "step,epoch,batch,grad_norm,grad_norm_clipped,norm/first/kernel,"
        '"norm/second, third",threshold/first/kernel,"threshold/second, third",'
        'scale/first/kernel,"scale/second, third"'
    )
    assert len(head) == 6


def test_a_table_of_another_logger_is_read(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(
        "epoch,loss,train/grad_norm,train/grad_norm_clipped,step\n"
        "0,1.0,2.0,1.0,10\n0,1.0,,,20\n1,1.0,nan,0,30\n1,1.0,0.5,0.5,40\n"
    )
    trace = read_trace(path)
    assert trace.groups == ("global",)
    assert trace["step"].tolist() == [10, 30, 40]
    assert trace["epoch"].tolist() == [0, 1, 1]
    assert trace["grad_norm"].tolist() == [2.0, np.inf, 0.5]
    assert trace["scale"][:, 0].tolist() == [0.5, 0.0, 1.0]
    assert np.isinf(trace["threshold"]).all()


def test_a_norm_alone_is_enough(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("grad_norm\n1.5\n2.5\n")
    trace = read_trace(path)
    assert trace["step"].tolist() == [0, 1]
    assert trace["norm"][:, 0].tolist() == [1.5, 2.5]
    assert (trace["scale"] == 1).all()


@pytest.mark.parametrize("text", ["", "loss,accuracy\n1,2\n"])
def test_a_table_without_norms_is_refused(text, tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match="with a column 'grad_norm'"):
        read_trace(path)


def test_another_npz_is_refused(tmp_path):
    np.savez(tmp_path / "other.npz", weights=np.ones(3))
    with pytest.raises(ValueError, match="`path` must be a trace"):
        read_trace(tmp_path / "other.npz")


def test_a_data_frame():
    pytest.importorskip("pandas")
    frame = made().to_dataframe()
    assert list(frame.columns[:5]) == list(COLUMNS[:5])
    np.testing.assert_array_equal(frame["norm/first/kernel"], made()["norm"][:, 0])


def test_a_trace_grows_by_parts():
    builder = TraceBuilder(GROUPS, 100)
    for start in (0, 5, 10):
        builder.add(columns(5, start))
    assert builder.trace["step"].tolist() == list(range(15))
    assert builder.trace.every == 1


@pytest.mark.parametrize("parts", [1, 3, 7, 50])
@pytest.mark.parametrize("most", [2, 10, 33, 100])
def test_a_trace_is_thinned_evenly_and_never_cut(parts, most):
    builder, steps = TraceBuilder(GROUPS, most), 350
    for part in np.array_split(np.arange(steps), parts):
        builder.add(columns(len(part), part[0]))
    trace = builder.trace
    assert most / 2 <= trace.steps <= most
    assert trace["step"].tolist() == list(range(0, steps, trace.every))


def test_nothing_of_the_log_is_held_in_memory():
    builder, log = TraceBuilder(GROUPS, 100), columns(50)
    builder.add(log)
    assert not np.shares_memory(builder.trace["norm"], log["norm"])
