"""Where a run leaves its files, and what it says there about itself."""

import contextlib
import itertools
import json
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from examples.dqn.errors import ConfigError
from examples.dqn.runs.cluster import is_chief
from examples.dqn.settings.config import Config

try:
    import fcntl
except ImportError:  # Windows, which does without
    fcntl = None  # type: ignore[assignment]

# They say where a run is, not what it is.
_PLACES = {"resume", "run_folder"}


def make_run_folder(config: Config, name: str | None = None) -> Path:
    """Creates the folder of a run, or finds that of a resumed one.

    Where several processes run as one, all but one write into a folder that nobody
    needs, or they would write the same files.

    Args:
        config: Names the folder, or leaves it to us.
        name: What a folder of ours is for; None is the seed.

    Raises:
        ConfigError: If it cannot be written, or holds another run.
    """
    if config.strategy == "multi_worker" and not is_chief():
        return Path(tempfile.mkdtemp(prefix="dqn-worker-"))
    if config.resume is not None:
        return config.resume
    environment = config.env_id.replace("/", "-").replace(":", "-")
    name = name or f"seed{config.seed}"
    name = f"{environment}-{name}-{time.strftime('%Y%m%d-%H%M%S')}"
    try:
        if config.run_folder is None:
            return _make_new(Path("runs") / name)
        folder = config.run_folder
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise ConfigError(
                f"run_folder must be new or empty. Received: run_folder={folder}"
            )
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        folder = config.run_folder or Path("runs").absolute() / name
        raise ConfigError(
            "run_folder must be a folder that can be written "
            f"({error.strerror}). Received: run_folder={folder}"
        ) from error
    return folder


def _make_new(folder: Path) -> Path:
    """Makes a folder of this name, or of the next one that no other run has taken.

    Runs that start in the same second ask for the same name, and only one of them
    can make a folder that is not there.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    for number in itertools.count(2):
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
            return folder
        folder = folder.with_name(f"{folder.name.partition('+')[0]}+{number}")
    raise AssertionError  # there is always a next number


def write_config(folder: Path, config: Config) -> None:
    """Writes the settings of a run to `config.json`."""
    settings = {
        name: str(value) if isinstance(value, Path) else value
        for name, value in asdict(config).items()
        if name not in _PLACES
    }
    (folder / "config.json").write_text(json.dumps(settings, indent=2) + "\n")


def forget(folder: Path) -> None:
    """Removes the folder of a run that could not begin."""
    if [path.name for path in folder.iterdir()] == ["config.json"]:
        (folder / "config.json").unlink()
        folder.rmdir()


def read_config(folder: Path) -> Config:
    """Reads the settings of a run.

    Raises:
        ConfigError: If the folder is not that of a run.
    """
    path = folder / "config.json"
    try:
        settings = json.loads(path.read_text())
        if not isinstance(settings, dict):
            raise TypeError("it has no names")
        known = {field.name for field in fields(Config)} - _PLACES
        # A run of an older version has the defaults of what it did not know.
        found = {name: _tuples(settings[name]) for name in known & {*settings}}
        if found.get("init_from") is not None:
            found["init_from"] = Path(found["init_from"])
        return Config(**found)
    except (OSError, ValueError, TypeError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise ConfigError(
            "run must be the folder of a run, with a config.json that can be read "
            f"({reason}). Received: {folder}"
        ) from error


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keeps other processes from the folder of a run while this one trains.

    A process that dies in any way lets go of it.

    Raises:
        ConfigError: If another one has it, since two would spoil it.
    """
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise ConfigError(
            "resume must be the folder of a run that no process is training. "
            f"Received: resume={folder}"
        ) from error
    except OSError:  # a file system without locks
        pass
    try:
        yield
    finally:
        os.close(handle)


def _tuples(value: Any) -> Any:
    """A value as it was before JSON made its tuples lists."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
