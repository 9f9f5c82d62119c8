"""Checkpoint files: whole, or refused by name."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from examples.dqn.errors import ConfigError
from examples.dqn.runs.checkpoint import (
    MAGIC,
    find_fault,
    read_newest,
    write_checkpoint,
)

ROOT = Path(__file__).parents[4]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_was_written_is_read(tmp_path):
    state = {"numbers": np.arange(1000.0), "words": ["a", None]}
    write_checkpoint(tmp_path / "new", 7, state, keep=2)
    found, complaints = read_newest(tmp_path / "new")
    np.testing.assert_array_equal(found["numbers"], state["numbers"])
    assert found["words"] == state["words"]
    assert complaints == []


def test_the_newest_stay(tmp_path):
    for step in (5, 50, 500, 5_000):
        write_checkpoint(tmp_path, step, step, keep=2)
    assert names(tmp_path) == ["step-000000000500.ckpt", "step-000000005000.ckpt"]
    assert read_newest(tmp_path) == (5_000, [])


def two_checkpoints(folder):
    write_checkpoint(folder, 1, "good", keep=2)
    return write_checkpoint(folder, 2, list(range(10_000)), keep=2)


@pytest.mark.parametrize("size", [0, 10, len(MAGIC), len(MAGIC) + 40, -1])
def test_truncated_one_is_told_and_the_last_good_one_used(tmp_path, size):
    path = two_checkpoints(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[:size])
    state, complaints = read_newest(tmp_path)
    assert state == "good"
    assert len(complaints) == 1
    assert complaints[0].startswith("step-000000000002.ckpt is ")


@pytest.mark.parametrize("place", [0, len(MAGIC), 500, -1])
def test_one_wrong_byte_is_found(tmp_path, place):
    path = two_checkpoints(tmp_path)
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    assert find_fault(path)
    assert read_newest(tmp_path)[0] == "good"


def test_foreign_file_is_never_unpickled(tmp_path):
    path = two_checkpoints(tmp_path)
    path.write_bytes(b"cos\nsystem\n(S'touch pwned'\ntR.")
    assert find_fault(path) == "no checkpoint of this version"
    assert read_newest(tmp_path)[0] == "good"


def test_without_a_whole_checkpoint(tmp_path):
    folder = tmp_path / "run" / "checkpoints"
    with pytest.raises(ConfigError, match=r"whole checkpoint\. Received: resume=.*run"):
        read_newest(folder)
    two_checkpoints(tmp_path)
    for path in tmp_path.glob("*.ckpt"):
        path.write_bytes(b"")
    with pytest.raises(ConfigError, match=r"000002\.ckpt is .*; step-0+1\.ckpt is "):
        read_newest(tmp_path)


class Unpicklable:
    def __reduce__(self):
        raise OSError(28, "No space left on device")


def test_failed_writing_leaves_nothing_behind(tmp_path):
    write_checkpoint(tmp_path, 1, "good", keep=1)
    with pytest.raises(OSError, match="No space left"):
        write_checkpoint(tmp_path, 2, [b"x" * 10_000, Unpicklable()], keep=1)
    assert names(tmp_path) == ["step-000000000001.ckpt"]


WRITE = """
import sys
from pathlib import Path
from examples.dqn.runs.checkpoint import write_checkpoint
print("ready", flush=True)
for step in range(10**6):
    write_checkpoint(Path(sys.argv[1]), step, [step, b"x" * 3_000_000], keep=2)
"""


def test_killed_while_writing_again_and_again(tmp_path):
    generator = np.random.default_rng(0)
    steps = []
    for _ in range(12):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITE, str(tmp_path)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        assert writer.stdout.readline() == b"ready\n"
        try:
            writer.wait(0.1 + 0.2 * generator.random())
        except subprocess.TimeoutExpired:
            writer.kill()
        writer.wait()
        writer.stdout.close()
        (step, _), complaints = read_newest(tmp_path)
        assert complaints == []
        steps.append(step)
    # Whoever was killed before its first write has left the last one's.
    assert max(steps) > 0
    assert len(list(tmp_path.glob("*.ckpt"))) <= 3
