"""One turn of the loop, which a signal may leave in its middle."""

from dataclasses import dataclass


@dataclass
class Cycle:
    """What is played, learned and evaluated before a row is recorded."""

    began: int
    """The step before its first."""
    learned: dict[str, float] | None = None
    """What its row says of its updates; None while it is played."""
