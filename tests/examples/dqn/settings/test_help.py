"""A newcomer finds every setting explained, and every column and file."""

import contextlib
import io
import re
from dataclasses import fields
from pathlib import Path

import pytest

pytest.importorskip("gymnasium")
pytest.importorskip("matplotlib")
pytest.importorskip("tensorboard")
pytest.importorskip("tyro")

from examples.dqn.runs.report import Row
from examples.dqn.settings.command_line import Command, parse_command
from examples.dqn.settings.config import Config, sections

ROOT = Path(__file__).parents[4]
RANGE = re.compile(r"[Aa]t least|Above \d|[Ii]n [\[(]\d")
NUMBERS = [
    part.name
    for part in (*fields(Config), *fields(Command))
    if re.search(r"\b(int|float)\b", str(part.type))
]


@pytest.fixture(scope="module")
def help_text():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "80")
        text = io.StringIO()
        with contextlib.redirect_stdout(text), pytest.raises(SystemExit):
            parse_command(["--help"])
    return re.sub(r"\x1b\[[\d;]*m", "", text.getvalue())


@pytest.fixture(scope="module")
def explained(help_text):
    """What the help says about each flag, on one line."""
    words = " ".join(line.strip("│ ") for line in help_text.splitlines())
    parts = re.split(r"(?:^| )--([a-z][a-z-]*)(?:,| )", words)
    return dict(zip(parts[1::2], parts[2::2]))


def test_several_numbers_are_known():
    assert len(NUMBERS) > 30
    assert {"gamma", "hidden_sizes", "clip_window", "jobs"} <= {*NUMBERS}


@pytest.mark.parametrize("name", NUMBERS)
def test_every_number_has_its_range(name, explained):
    assert RANGE.search(explained[name.replace("_", "-")]), explained[name]


def test_every_flag_is_explained(explained):
    for part in (*fields(Config), *fields(Command)):
        name = part.name.replace("_", "-")
        # A switch has two names, and the text behind the second.
        text = explained.get(f"no-{name}") or explained[name]
        assert len(text.split()) > 5, name


def test_every_section_has_a_heading_and_its_flags_below(help_text):
    _, *parts = re.split(r"\n\W*(\w+) options[ ─]", help_text)
    below = dict(zip(parts[::2], parts[1::2]))
    assert [*below] == [*sections()]
    for heading, section in sections().items():
        for part in fields(section):
            flag = part.name.replace("_", "-")
            assert re.search(rf"--{flag}[ ,]", below[heading]), flag


def test_a_range_is_told_as_it_is_checked(explained):
    for name, words in [
        ("gamma", "Discount per environment step. In [0, 1]. (default: 0.99)"),
        ("hidden-sizes", "hidden layer. Each at least 1. (default: 64 64)"),
        ("clip-window", "None remembers all. At least 1. (default: None)"),
    ]:
        assert words in explained[name]


def test_page_explains_every_column_and_file():
    page = (ROOT / "docs/dqn.md").read_text()
    for name in (*Row._fields, "config.json", "result.json", "policy.gif", "run.png"):
        assert f"| `{name}` |" in page, name
