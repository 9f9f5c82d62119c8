"""From command line arguments to a `Config`, or to one line that says why not."""

import contextlib
import io
import sys
from collections.abc import Sequence

import tyro

from examples.dqn.config import OF_THE_MACHINE, Config, ConfigError
from examples.dqn.configs import tuned_config


def parse_arguments(arguments: Sequence[str] | None = None) -> Config:
    """Makes a `Config` out of command line arguments.

    Args:
        arguments: Words of the command line. None reads `sys.argv`.

    Raises:
        ConfigError: If an argument is unknown, malformed or out of range.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            config = tyro.cli(
                Config,
                prog="python -m examples.dqn.train",
                args=words,
                default=tuned_config(_env_id(words)),
            )
    except SystemExit as stop:
        if not stop.code:  # --help
            raise
        raise ConfigError(_one_line(complaint.getvalue())) from None
    kept = {name: getattr(config, name) for name in ("resume", *OF_THE_MACHINE)}
    if config.resume is not None and config != Config(**kept):
        raise ConfigError(
            "resume must have no flags beside it but those of the machine, since a "
            f"run keeps its settings. Received: {' '.join(words)}"
        )
    return config


def _env_id(words: Sequence[str]) -> str:
    """The environment that the command line names, which decides the defaults."""
    env_id = Config.env_id
    for word, following in zip(words, [*words[1:], ""]):
        name, equals, value = word.partition("=")
        if name in ("--env-id", "--env_id"):
            env_id = value if equals else following
    return env_id


def _one_line(box: str) -> str:
    """Boils tyro's framed error down to its first paragraph on one line."""
    words: list[str] = []
    for line in box.splitlines()[1:]:
        line = line.strip("│ ")
        if line.startswith(("─", "╰")):
            break
        words += line.split()
    return " ".join(words).removeprefix("Error parsing Config: ")
