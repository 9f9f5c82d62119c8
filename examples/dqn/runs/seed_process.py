"""One seed of several: a process of its own, and what became of it."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from examples.dqn.errors import ConfigError
from examples.dqn.runs.folder import held, read_config
from examples.dqn.settings.command_line import flags_of
from examples.dqn.settings.config import Config, machine_settings
from examples.dqn.settings.tuned import tuned_config

ROOT = Path(__file__).parents[3]


class Seed:
    """One seed as a process, whose output goes to a file.

    Args:
        config: Of all seeds.
        seed: Which it is.
        folder: The common one.
    """

    def __init__(self, config: Config, seed: int, folder: Path):
        self.seed = seed
        self.folder = folder / f"seed-{seed}"
        self.log = folder / f"seed-{seed}.log"
        self._total_steps = config.total_steps
        self._config = replace(config, seed=seed, run_folder=self.folder.absolute())
        self._interrupted = False
        self.result = self._read_result()
        """What it came to, None if it did not go to its end, or has not yet."""

    def start(self) -> None:
        """Starts the process, from the newest checkpoint if there is one."""
        if self._has_checkpoint():
            machine = machine_settings(self._config)
            folder = self._config.run_folder
            flags = flags_of(tuned_config(Config.env_id, resume=folder, **machine))
            flags += self._longer()
        else:
            self._remove_folder()
            flags = flags_of(self._config)
        command = [sys.executable, "-m", "examples.dqn.train", *flags]
        with self.log.open("a") as log:
            self._said_before = log.tell()
            # In a session of its own: a Ctrl-C of the terminal reaches us alone,
            # and each process gets it from us, once.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=_environment(),
            )

    def interrupt(self) -> None:
        """Lets it save and end."""
        if self._process.poll() is None:
            self._interrupted = True
            self._process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """Ends it at once."""
        self._process.kill()
        self._process.wait()

    def has_ended(self) -> bool:
        """Whether it has; then its result is there, if it has one."""
        if self._process.poll() is None:
            return False
        if self._process.returncode == 0:
            self.result = self._read_result()
        return True

    @property
    def failed(self) -> bool:
        """Whether it ended early, and not because we wanted it to."""
        return self.result is None and not self._interrupted

    def outcome(self) -> str:
        """What became of it, in one line."""
        if self.result:
            return (
                f"seed {self.seed}: mean return {self.result['score']:.1f}, last "
                f"weights {self.result['last_score']:.1f}, "
                f"{self.result['seconds']:.0f} s"
            )
        if not self._interrupted:
            said = self.log.read_bytes()[self._said_before :].decode(errors="replace")
            said = said.strip() or "no output"
            reason = said.splitlines()[-1].removeprefix("error: ")
            return f"seed {self.seed}: failed ({reason.strip()}), see {self.log}"
        if self._has_checkpoint():
            return f"seed {self.seed}: stopped and saved, --resume {self.folder}"
        return f"seed {self.seed}: stopped before its first checkpoint"

    def done(self) -> float:
        """Part of the environment steps taken, in [0, 1]."""
        try:
            with (self.folder / "metrics.csv").open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - 500))
                last = file.read().decode().splitlines()[-1]
            return int(last.partition(",")[0]) / self._total_steps
        except (OSError, ValueError, IndexError):  # nothing written yet
            return 0.0

    def _remove_folder(self) -> None:
        """Removes what is left of a run that was killed before it had any to lose."""
        # Unless it trains, left alone by a process of seeds that was killed: then
        # the new one says that the folder is in use.
        with contextlib.suppress(FileNotFoundError, ConfigError), held(self.folder):
            shutil.rmtree(self.folder)

    def _longer(self) -> list[str]:
        """The flag that lets it end elsewhere than it was to, if it is to."""
        try:
            ends = read_config(self.folder).total_steps
        except ConfigError:  # killed while it wrote it
            return []
        if ends == self._total_steps:
            return []
        return ["--total-steps", str(self._total_steps)]

    def _has_checkpoint(self) -> bool:
        return any(self.folder.glob("checkpoints/*.ckpt"))

    def _read_result(self) -> dict[str, Any] | None:
        try:
            result = json.loads((self.folder / "result.json").read_text())
        except (OSError, ValueError):  # none, or killed while it wrote
            return None
        return result if result["step"] >= self._total_steps else None


def _environment() -> dict[str, str]:
    """The variables of a process that finds every module that this one finds.

    It starts where we are, but a path that was added since, or a script's own
    folder, would otherwise be ours alone.
    """
    paths = [str(Path(path).absolute()) for path in ("", *sys.path)]
    # The example itself comes first, as in this process.
    known = dict.fromkeys([str(ROOT), *paths])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(known)}
