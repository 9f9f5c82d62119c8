"""What ends the example, each told in one line."""


class ConfigError(ValueError):
    """A setting that cannot work, told in one line: what, rule, received."""


class RunError(RuntimeError):
    """What ended a run early, told in one line."""


class Undeclared(ValueError):
    """What an environment gave is not what it declares."""


class Stopped(Exception):
    """A signal that was heard in the middle of what can be done again."""


def environment_error(env_id: str, where: str, error: Exception) -> RunError:
    """One line about whatever an environment has raised, each in its own way.

    Args:
        env_id: The environment.
        where: When it was, to follow "fails".
        error: What it raised.
    """
    kind = "" if isinstance(error, Undeclared) else f"{type(error).__name__}: "
    reason = " ".join(f"{kind}{error}".split())
    return RunError(f"{env_id} fails {where} ({reason})")
