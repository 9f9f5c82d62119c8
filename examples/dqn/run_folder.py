"""Where a run leaves its files."""

import tempfile
import time
from pathlib import Path

from examples.dqn.cluster import is_chief
from examples.dqn.config import Config, ConfigError


def make_run_folder(config: Config) -> Path:
    """Creates the folder of a run, or finds that of a resumed one.

    Where several processes run as one, all but one write into a folder that nobody
    needs, or they would write the same files.

    Raises:
        ConfigError: If it cannot be written, or holds another run.
    """
    if config.strategy == "multi_worker" and not is_chief():
        return Path(tempfile.mkdtemp(prefix="dqn-worker-"))
    if config.resume is not None:
        return config.resume
    environment = config.env_id.replace("/", "-")
    name = f"{environment}-seed{config.seed}-{time.strftime('%Y%m%d-%H%M%S')}"
    folder = config.run_folder or Path("runs") / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise ConfigError(
                f"run_folder must be new or empty. Received: run_folder={folder}"
            )
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConfigError(
            "run_folder must be a folder that can be written "
            f"({error.strerror}). Received: run_folder={folder}"
        ) from error
    return folder
