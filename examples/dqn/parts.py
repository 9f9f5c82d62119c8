"""What can be plugged into a run from Python, instead of what settings make."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from examples.dqn.callbacks import Callback
from examples.dqn.schedules import Schedule


@dataclass(frozen=True)
class Parts:
    """Own parts of a run; None leaves each to the configuration.

    `run` explains them.
    """

    network: Any = None
    epsilon: Schedule | float | None = None
    clipper: Any = None
    optimizer: Any = None
    callbacks: Sequence[Callback] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Those that are not left to the configuration and decide what is learned."""
        names = ("network", "epsilon", "clipper", "optimizer")
        return tuple(name for name in names if getattr(self, name) is not None)
