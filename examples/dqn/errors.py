"""What ends the example, each told in one line."""


class ConfigError(ValueError):
    """A setting that cannot work, told in one line: what, rule, received."""


class RunError(RuntimeError):
    """What ended a run early, told in one line."""
