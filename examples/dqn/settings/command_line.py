"""From command line arguments to settings, or to one line that says why not."""

import contextlib
import io
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any, TypeVar

import tyro

from examples.dqn.errors import ConfigError, RunError
from examples.dqn.settings.config import Config, machine_settings, sections
from examples.dqn.settings.help import explained
from examples.dqn.settings.ranges import Range, check_ranges
from examples.dqn.settings.tuned import tuned_config
from examples.dqn.settings.words import did_you_mean, flags_of_type, whole_numbers

Settings = TypeVar("Settings")


@dataclass(frozen=True)
class Command:
    """Train a DQN with adaptive gradient clipping.

    Without any flag it trains on CartPole-v1, for a minute or less. Each run leaves
    a folder under runs/ with its metrics, pictures and policy; docs/dqn.md explains
    them. Start with --env-id, --seed and --total-steps; the rest can stay as it is.
    """

    seeds: str | None = None
    """Train several seeds side by side, each a process: 0..9 is from 0 to 9, and
    0,3,5 names them. Instead of seed. Each at least 0."""

    jobs: Annotated[int | None, Range(at_least=1)] = None
    """Seeds trained at a time, if several; None is one per CPU core."""

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(frozen=True)
class Asked(Command):
    """A command, and what its words say that its settings cannot."""

    total_steps: int | None = None
    """Where a resumed run is to end, None if no word says so."""


def parse_arguments(arguments: Sequence[str] | None = None) -> Config:
    """The settings of the run, or of each of the runs, that `parse_command` finds."""
    return parse_command(arguments)[1]


def parse_command(arguments: Sequence[str] | None = None) -> tuple[Asked, Config]:
    """Makes a command and its settings out of command line arguments.

    Args:
        arguments: Words of the command line. None reads `sys.argv`.

    Raises:
        ConfigError: If an argument is unknown, malformed or out of range.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    usual = tuned_config(_env_id(words))
    parsed = _parse(explained(Command, usual, **sections()), "train", words)
    values = {
        name: value
        for heading in sections()
        for name, value in vars(getattr(parsed, heading)).items()
    }
    more = None
    if values["resume"]:
        # It is held against the settings of the run, not against those here.
        names = {word.partition("=")[0].replace("_", "-") for word in words}
        more = values["total_steps"] if "--total-steps" in names else None
        values["total_steps"] = usual.total_steps
    config = Config(**values)
    command = Asked(parsed.seeds, parsed.jobs, more)
    # What a command line comes to that names nothing else.
    kept = tuned_config(Config.env_id, resume=config.resume, **machine_settings(config))
    if config.resume and (command.seeds is not None or config != kept):
        raise ConfigError(
            "resume must have no flags beside it but those of the machine, jobs and "
            f"total-steps, since a run keeps its settings. Received: {' '.join(words)}"
        )
    if command.seeds is not None and config.seed != Config.seed:
        raise ConfigError(
            "seed must not stand beside seeds. "
            f"Received: seed={config.seed}, seeds={command.seeds!r}"
        )
    return command, config


def parse_words(
    settings: type[Settings], program: str, arguments: Sequence[str] | None = None
) -> Settings:
    """Makes settings out of command line arguments, as their dataclass says.

    Raises:
        ConfigError: If an argument is unknown, malformed or out of range.
    """
    return settings(**vars(_parse(explained(settings), program, arguments)))


def _parse(seen: type, program: str, arguments: Sequence[str] | None) -> Any:
    complaint, flags = io.StringIO(), flags_of_type(seen)
    words = sys.argv[1:] if arguments is None else arguments
    try:
        with contextlib.redirect_stderr(complaint):
            return tyro.cli(
                seen,
                prog=f"python -m examples.dqn.{program}",
                args=whole_numbers(words, flags),
                config=(tyro.conf.OmitArgPrefixes,),
            )
    except SystemExit as stop:
        if not stop.code:  # --help
            raise
        told = _one_line(complaint.getvalue())
        if told.startswith("Unrecognized"):
            told += did_you_mean(told, flags)
        raise ConfigError(told) from None


def run_reporting(command: Callable[[], object]) -> int:
    """Runs a command.

    Returns:
        The exit code: 2 for a bad setting, 1 for a run that failed, on a full disk
        for example, and 130 for one that Ctrl-C ended at once; each told in one
        line on stderr.
    """
    try:
        command()
    except (ConfigError, RunError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, ConfigError) else 1
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        return 130
    return 0


def flags_of(config: Config) -> list[str]:
    """The command line that makes a configuration."""
    default = tuned_config(config.env_id)
    words = ["--env-id", config.env_id]
    for name in (part.name for part in fields(Config)):
        value, flag = getattr(config, name), name.replace("_", "-")
        if value == getattr(default, name):
            continue
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            words += [f"--{flag}", *map(str, _flat(value))]
    return words


def _flat(value: Any) -> Iterable[Any]:
    if not isinstance(value, tuple):
        return [value]
    return [part for each in value for part in _flat(each)]


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
        # Where no frame can be printed, a rule of dashes is below the title as well.
        if line.startswith(("─", "╰", "---")):
            if words:
                break
            continue
        words += line.split()
    return re.sub(r"^Error parsing \w+: ", "", " ".join(words))
