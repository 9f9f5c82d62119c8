"""Callbacks in a row, and the moment that all of them are shown."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from examples.dqn.callbacks import Callback, Moment
from examples.dqn.networks.policy import Policy
from examples.dqn.runs.history import History
from examples.dqn.runs.report import Row
from examples.dqn.settings.config import Config


class Listeners:
    """Tells callbacks what happens.

    Args:
        callbacks: Told in this order.
        config: Of the run.
        folder: Of the run.
        history: Of the run, which grows in place.
    """

    def __init__(
        self,
        callbacks: Sequence[Callback],
        config: Config,
        folder: Path,
        history: History,
    ):
        self._callbacks = list(callbacks)
        self.moment = Moment(config, folder, history)

    def cycle(
        self, row: Row, policy: Policy, history: History, evaluated: bool
    ) -> None:
        """Tells of a cycle, and first of its evaluation if it had one."""
        moment = self.moment
        moment.row, moment.policy, moment.history = row._asdict(), policy, history
        for callback in self._callbacks:
            if evaluated:
                callback.on_evaluation(moment)
        for callback in self._callbacks:
            callback.on_block(moment)

    def end(self, policy: Policy, score: float) -> None:
        """Tells of the end."""
        self.moment.policy, self.moment.score = policy, score
        for callback in self._callbacks:
            callback.on_end(self.moment)

    def state(self) -> list[Any]:
        """What a checkpoint is to hold of the callbacks."""
        return [callback.state() for callback in self._callbacks]

    def restore(self, states: Sequence[Any]) -> None:
        """Gives callbacks what they had, if they are as many as they were."""
        if len(states) == len(self._callbacks):
            for callback, state in zip(self._callbacks, states):
                callback.restore(state)
