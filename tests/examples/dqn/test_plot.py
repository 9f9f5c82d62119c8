"""The command that compares runs."""

import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("tyro")

from examples.dqn.plot import run_command
from examples.dqn.runs.comparison import METRICS
from examples.dqn.runs.folder import write_config
from examples.dqn.settings.config import Config

PNG = b"\x89PNG"


def make_run(folder, config=None, points=((100, 1.0), (200, 2.0))):
    folder.mkdir(parents=True)
    write_config(folder, config or Config())
    lines = ["step,greedy_return,loss", "50,,"]
    lines += [f"{step},{value}," for step, value in points]
    (folder / "metrics.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_command(tmp_path, capsys):
    run = make_run(tmp_path / "run")
    output = tmp_path / "a.png"
    assert run_command([str(run), "--output", str(output)]) == 0
    assert output.read_bytes().startswith(PNG)
    told = capsys.readouterr().out
    assert told == f"CartPole-v1 (1 run): 2 at step 200\n{output}\n"


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("", ["runs", "one or more", "none"]),
        ("RUN --metric steps", ["--metric", "greedy_return", "'steps'"]),
        ("RUN --metric loss", ["runs must have values of loss", "RUN"]),
        ("RUN --metric norm", ["metrics.csv that can be read", "RUN"]),
        ("RUN/none", ["folder of a run", "No such file", "RUN/none"]),
        ("RUN --output RUN/none/a.png", ["output", "No such file", "RUN/none/a.png"]),
        ("RUN --output RUN/a.word", ["output", "word", "RUN/a.word"]),
    ],
)
def test_bad_argument(flags, words, tmp_path, capsys):
    run = str(make_run(tmp_path / "run"))
    assert run_command(flags.replace("RUN", run).split()) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert told.count("\n") == 1
    for word in words:
        assert word.replace("RUN", run) in told, told


def test_help_and_metrics_go_with_the_columns(capsys):
    from examples.dqn.runs.report import Row

    assert {*METRICS, "step"} == {*Row._fields}
    with pytest.raises(SystemExit):
        run_command(["--help"])
    told = capsys.readouterr().out
    assert all(metric in told for metric in METRICS)
