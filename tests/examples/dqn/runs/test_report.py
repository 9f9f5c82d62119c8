"""The progress line of a run."""

import io

import keras
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)
pytest.importorskip("gymnasium")
pytest.importorskip("matplotlib")

from examples.dqn.runs.report import Progress, Row


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
