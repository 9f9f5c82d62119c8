"""What libraries write to stderr from C++ is hidden, and only while it should be."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[4]


def run(script):
    """A process that has ended, in which `silent_libraries` was at hand."""
    start = "import os, sys\nfrom examples.dqn.runs.quiet import silent_libraries\n"
    done = subprocess.run(
        [sys.executable, "-c", start + script], cwd=ROOT, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    return done


def stderr_of(script):
    return run(script).stderr.decode()


def test_only_what_is_written_within_is_hidden():
    script = """
sys.stderr = os.fdopen(2, "w", closefd=False)  # which keeps back what it is given
sys.stderr.write("before, without an end of line, ")
with silent_libraries():
    os.write(2, b"from below Python\\n")
    print("from Python", file=sys.stderr, flush=True)
os.write(2, b"after")
"""
    assert stderr_of(script) == "before, without an end of line, after"


def test_an_error_within_brings_stderr_back():
    script = """
try:
    with silent_libraries():
        1 / 0
except ZeroDivisionError:
    os.write(2, b"told")
"""
    assert stderr_of(script) == "told"


def test_nothing_stays_open():
    script = """
count = lambda: [os.path.exists(f"/dev/fd/{number}") for number in range(64)]
before = count()
for _ in range(3):
    with silent_libraries():
        pass
assert count() == before
"""
    assert stderr_of(script) == ""


def test_standard_output_is_heard():
    script = """
with silent_libraries():
    os.write(1, b"heard")
"""
    assert run(script).stdout == b"heard"
