"""What a run tells while it goes on: two files, and the progress line."""

import csv
import io

import keras
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)
pytest.importorskip("gymnasium")
pytest.importorskip("matplotlib")

from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from examples.dqn.runs import report as module
from examples.dqn.runs.report import Progress, Report, Row


class Terminal(io.StringIO):
    def isatty(self):
        return True


ROW = Row(step=500, updates=9, episodes=3, epsilon=0.25, mean_return=21.5, loss=0.125)


def test_progress_on_a_terminal_stays_on_one_line():
    stream = Terminal()
    progress = Progress(1000, stream)
    for step in (500, 510, 1000):
        progress.show(ROW._replace(step=step))
    progress.close()
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert text.endswith("\n")
    assert text.count("\r") == 3


@pytest.mark.parametrize(
    ("columns", "begins"), [(80, " 50% "), (200, "    500/1,000 | ")]
)
def test_progress_tells_all_at_any_width(columns, begins, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    stream = Terminal()
    row = ROW._replace(mean_return=500.0, norm=12.34, threshold=10.56, clip_fraction=1)
    Progress(1000, stream).show(row)
    line = stream.getvalue().removeprefix("\r").removesuffix("\x1b[K")
    assert len(line) < columns
    assert line.startswith(begins)
    for words in ("return 500.0", "0.25", "loss 0.12", "norm 12.3", "threshold 10."):
        assert words in line
    assert "clipped" in line
    assert line.endswith("100%")


def test_progress_in_a_pipe_is_ten_plain_lines():
    stream = io.StringIO()
    progress = Progress(1000, stream)
    for step in range(10, 1001, 10):
        progress.show(ROW._replace(step=step))
    progress.close()
    lines = stream.getvalue().splitlines()
    assert len(lines) == 10
    assert "\r" not in stream.getvalue()
    assert "\x1b" not in stream.getvalue()
    for words in ("100/1,000 |  10% ", "return  21.5", "epsilon 0.25", "loss 0.1250"):
        assert words in lines[0]
    assert "norm -" in lines[0]


ROWS = [
    Row(step=128, updates=0, episodes=0, epsilon=1.0),
    Row(128 * 2, 64, 5, 0.5, 20.5, 0.25, 3.0, 2.0, 0.75),
    Row(128 * 3, 128, 9, 0.25, 30.5, 0.125, float("inf"), 2.0, 1.0, 99.0),
]


def table(folder):
    with (folder / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def events(folder):
    """What TensorBoard reads of each step."""
    [path] = folder.glob("events.out.tfevents.*")
    return [
        (event.step, {v.tag: v.tensor.float_val[0] for v in event.summary.value})
        for event in EventFileLoader(str(path)).Load()
        if event.HasField("summary")
    ]


def values_of(row):
    """The values of a row that is not empty, but for the step."""
    values = row._asdict().items()
    return {k: v for k, v in values if v is not None and k != "step"}


@pytest.fixture
def report(tmp_path):
    report = Report(tmp_path, 1000, stream=io.StringIO())
    yield report
    report.close()


def test_each_row_is_in_the_table_at_once(report, tmp_path):
    for count, row in enumerate(ROWS, 1):
        report.record(row)
        # Whoever looks on need not wait for the end of the run.
        found = table(tmp_path)
        assert len(found) == count
        assert tuple(found[-1]) == Row._fields
        assert int(found[-1].pop("step")) == row.step
        numbers = {name: float(value) for name, value in found[-1].items() if value}
        assert numbers == values_of(row)


def test_tensorboard_reads_the_same(report, tmp_path):
    for row in ROWS:
        report.record(row)
    report.close()
    assert events(tmp_path) == [(row.step, values_of(row)) for row in ROWS]


def test_files_of_a_resumed_run_are_those_of_an_undisturbed_one(report, tmp_path):
    for row in ROWS:
        report.record(row)
    report.close()
    whole = (tmp_path / "metrics.csv").read_bytes(), events(tmp_path)
    # It was killed after its third row, and goes on from its first.
    stream = io.StringIO()
    resumed = Report(tmp_path, 1000, ROWS[:1], stream)
    assert [int(row["step"]) for row in table(tmp_path)] == [128]
    assert stream.getvalue() == ""
    for row in ROWS[1:]:
        resumed.record(row)
    resumed.close()
    assert ((tmp_path / "metrics.csv").read_bytes(), events(tmp_path)) == whole
    assert resumed.rows == ROWS


def test_each_tenth_is_told_once(report):
    for step in range(50, 1001, 50):
        report.record(ROWS[0]._replace(step=step))
    told = report._progress._stream.getvalue().splitlines()
    assert [line.split("/")[0].strip() for line in told] == [
        *(str(step) for step in range(100, 1000, 100)),
        "1,000",
    ]


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set by hand."""
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize(
    ("step", "seconds", "left"),
    [(250, 60, "3:00"), (500, 65, "1:05"), (10, 10, "16:30"), (1000, 77, "0:00")],
)
def test_time_left_is_that_of_the_pace_so_far(step, seconds, left, clock):
    progress = Progress(1000, io.StringIO())
    clock[0] += seconds
    assert f" {left} left " in progress.line(ROW._replace(step=step))


def test_time_left_of_a_resumed_run(clock, tmp_path):
    stream = io.StringIO()
    resumed = Report(tmp_path, 1000, [ROW._replace(step=500)], stream)
    clock[0] += 10
    resumed.record(ROW._replace(step=600))
    resumed.close()
    # A hundred steps in 10 seconds, and 400 to go.
    assert " 0:40 left " in stream.getvalue()
