"""Checkpoints that are whole or absent: written beside, then moved into place."""

import hashlib
import os
import pickle
from pathlib import Path
from typing import Any, BinaryIO

from examples.dqn.errors import ConfigError

# Changes with the format: what an older version wrote is then foreign.
MAGIC = b"keras_gradclip DQN checkpoint 3\n"
DIGEST_SIZE = hashlib.sha256().digest_size


def write_checkpoint(folder: Path, step: int, state: Any, keep: int) -> Path:
    """Writes a checkpoint and removes all but the newest `keep`.

    A process that dies meanwhile leaves the earlier ones as they were.

    Args:
        folder: Where they are; made if it is not there.
        step: Environment steps so far, which name the file.
        state: Anything that can be pickled.
        keep: How many stay. At least 1.

    Raises:
        OSError: If it cannot be written, on a full disk for example.
    """
    folder.mkdir(exist_ok=True)
    path = folder / f"step-{step:012d}.ckpt"
    unfinished = path.with_suffix(".unfinished")
    try:
        with unfinished.open("wb") as file:
            file.write(MAGIC)
            hashing = _Hashing(file)
            pickle.dump(state, hashing, protocol=5)
            file.write(hashing.digest.digest())
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    for old in _newest_first(folder)[keep:]:
        old.unlink()
    # Those of processes that were killed while they wrote.
    for leftover in folder.glob("*.unfinished"):
        leftover.unlink()
    return path


def read_newest(folder: Path) -> tuple[Any, list[str]]:
    """Reads the newest checkpoint that is whole.

    A checkpoint is a pickle, which can run any code: read only your own.

    Returns:
        Its state, and a line about each newer one that is not whole.

    Raises:
        ConfigError: If there is none.
    """
    complaints: list[str] = []
    for path in _newest_first(folder):
        try:
            fault = find_fault(path)
            if fault is None:
                with path.open("rb") as file:
                    file.seek(len(MAGIC))
                    return pickle.load(file), complaints
        except FileNotFoundError:  # a run that goes on still has removed it
            continue
        complaints.append(f"{path.name} is {fault} and is not used")
    found = f" ({'; '.join(complaints)})" if complaints else ""
    raise ConfigError(
        f"resume must be the folder of a run with a whole checkpoint{found}. "
        f"Received: resume={folder.parent}"
    )


def find_fault(path: Path) -> str | None:
    """What is wrong with a checkpoint, None if nothing is."""
    size = path.stat().st_size - len(MAGIC) - DIGEST_SIZE
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            return "no checkpoint of this version"
        if size < 0:
            return "truncated"
        digest = hashlib.sha256()
        while size:
            piece = file.read(min(size, 1 << 20))
            digest.update(piece)
            size -= len(piece)
        return None if file.read() == digest.digest() else "truncated or damaged"


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*.ckpt"), reverse=True)


class _Hashing:
    """A file that knows the digest of what was written to it."""

    def __init__(self, file: BinaryIO):
        self._file = file
        self.digest = hashlib.sha256()

    def write(self, data: Any) -> int:
        self.digest.update(data)
        return self._file.write(data)
