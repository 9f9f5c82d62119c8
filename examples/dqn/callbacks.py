"""What is told of a run while it goes on, and can end it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from examples.dqn.networks.policy import Policy
from examples.dqn.runs.history import History
from examples.dqn.settings.config import Config


@dataclass
class Moment:
    """What callbacks see of a run: how it is now."""

    config: Config
    """The settings of the run."""
    run_folder: Path
    """Where its files are."""
    history: History
    """Episodes, evaluations and clipping so far."""
    row: Mapping[str, float | None] = field(default_factory=dict)
    """The newest row of metrics.csv, by its columns; `step` is one of them."""
    policy: Policy | None = None
    """The policy that acts now; on the end, the one that is kept."""
    score: float | None = None
    """The final score, on the end alone."""
    stopped: str | None = None
    """Why the run is to end early, None if it is not."""

    def stop(self, reason: str) -> None:
        """Lets the run end with this block: it is saved, scored and can go on."""
        self.stopped = self.stopped or reason


class Callback:
    """Base of all callbacks; each method may be left as it is.

    What a method raises ends the run where it is, as an error in an environment
    does; what was saved last can be resumed.
    """

    def on_block(self, moment: Moment) -> None:
        """After each cycle of environment steps and updates."""

    def on_evaluation(self, moment: Moment) -> None:
        """After each cycle with a greedy evaluation, before `on_block`."""

    def on_end(self, moment: Moment) -> None:
        """After the final episodes."""

    def state(self) -> Any:
        """What a checkpoint is to hold of it, anything that can be pickled."""
        return None

    def restore(self, state: Any) -> None:
        """Is given back what `state` returned, when a run is resumed."""


@dataclass
class StopAtScore(Callback):
    """Ends a run as soon as it is good enough.

    Args:
        score: Mean greedy return to reach.
        evaluations: How many evaluations in a row must reach it. At least 1.
    """

    score: float
    evaluations: int = 1

    def on_evaluation(self, moment: Moment) -> None:
        last = [value for _, value in moment.history.evaluations[-self.evaluations :]]
        if len(last) == self.evaluations and min(last) >= self.score:
            moment.stop(f"{self.evaluations} evaluations reached {self.score:g}")


@dataclass
class StopAfter(Callback):
    """Ends a run when its time is up.

    Args:
        seconds: From the first block on. A resumed run counts anew.
    """

    seconds: float

    def __post_init__(self) -> None:
        self._started = time.monotonic()

    def on_block(self, moment: Moment) -> None:
        if time.monotonic() - self._started >= self.seconds:
            moment.stop(f"{self.seconds:g} seconds are over")
