"""`python -m keras_gradclip`: reports, comparisons and advice from files."""

import html
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.traces import made

from keras_gradclip import advise
from keras_gradclip.command_line import main
from keras_gradclip.report import summarize

ROOT = Path(__file__).parent.parent


@pytest.fixture
def run(tmp_path):
    return made(steps=300, spikes=[100]).to_npz(tmp_path / "run.npz")


def test_a_report_is_written_beside_the_trace(run, capsys):
    assert main(["report", str(run)]) == 0
    page = run.with_suffix(".html").read_text()
    told = capsys.readouterr().out
    for words in summarize(made(steps=300, spikes=[100])).words:
        assert words in told
        assert html.escape(words) in page
    assert "What clipping did: run" in page
    assert (
        main(["report", str(run), "--advice", "--out", str(run.parent / "x.html")]) == 0
    )
    assert "Recommended: " in (run.parent / "x.html").read_text()


def test_advice_is_printed(run, capsys):
    assert main(["advise", str(run), "--optimizer", "muon"]) == 0
    trace = made(steps=300, spikes=[100])
    assert capsys.readouterr().out.strip() == str(advise(trace, optimizer="muon"))


def test_anyones_csv_will_do(tmp_path, capsys):
    norms = np.exp(np.random.default_rng(0).normal(size=200))
    lines = [f"{i},{norm}" for i, norm in enumerate(norms)]
    path = tmp_path / "log.csv"
    path.write_text("\n".join(["step,train/grad_norm", *lines]))
    for command in ("report", "advise", "compare"):
        assert main([command, str(path)]) == 0
    told = capsys.readouterr().out
    assert f"median {np.median(norms):.3g}" in told
    assert "one group only" in told.replace("\n  ", " ")


def test_runs_are_compared(run, tmp_path, capsys):
    other = made(steps=200, spikes=[], broken=[3]).to_csv(tmp_path / "other.csv")
    out = tmp_path / "both.html"
    assert main(["compare", str(run), str(other), "--out", str(out)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["run", "steps"]
    assert lines[1].split()[:2] == ["run", "300"]
    share = 100 * summarize(made(steps=300, spikes=[100])).clipped
    assert f"{share:.1f} %" in lines[1]
    assert lines[2].split()[-2:] == ["0", "1"]
    assert "<h2>other</h2>" in out.read_text()


def test_runs_of_one_file_name_are_told_by_their_folders(run, tmp_path, capsys):
    (tmp_path / "second").mkdir()
    other = made(steps=20, spikes=[]).to_npz(tmp_path / "second" / "run.npz")
    assert main(["compare", str(run), str(other)]) == 0
    assert str(other) in capsys.readouterr().out


def test_a_picture_is_drawn(run, tmp_path):
    pytest.importorskip("matplotlib")
    for name in ("light.png", "dark.png"):
        dark = ["--dark"] if name == "dark.png" else []
        assert main(["compare", str(run), "--out", str(tmp_path / name), *dark]) == 0
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_what_is_of_no_use_is_told(tmp_path, capsys):
    path = tmp_path / "log.csv"
    path.write_text("loss\n1\n")
    assert main(["advise", str(path)]) == 2
    assert "column 'grad_norm'" in capsys.readouterr().err
    assert main(["report", str(tmp_path / "none.npz")]) == 2
    assert "none.npz" in capsys.readouterr().err


def test_it_is_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "keras_gradclip", "--help"],
        capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0
    assert {"report", "compare", "advise"} <= set(re.findall(r"\w+", done.stdout))
