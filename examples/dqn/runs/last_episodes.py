"""The episodes behind the final score, in which a signal is heard as well."""

import sys
import time
from collections.abc import Callable, Sequence

import numpy as np

from examples.dqn.errors import Stopped
from examples.dqn.evaluate import evaluate
from examples.dqn.networks.policy import Policy
from examples.dqn.runs.interrupt import Interrupt
from examples.dqn.settings.config import Config

FAREWELL = 10.0
"""Seconds that the final episodes of an interrupted run may take."""


def play_last(
    policies: Sequence[Policy], config: Config, seed: int, interrupt: Interrupt
) -> list[np.ndarray]:
    """Returns of the final episodes of each policy.

    Args:
        policies: What to play with.
        config: What to play, and how often.
        seed: Where the first episode starts.
        interrupt: That of the training. If it was interrupted, the episodes must
            be over soon; if not, they listen for a signal of their own.

    Raises:
        Stopped: If a signal ends them, or they take too long after one.
    """
    from examples.dqn.runs.report import Waiting

    waiting = Waiting(sys.stdout)

    def play(is_over: Callable[[], bool]) -> list[np.ndarray]:
        def tick(step: int, playing: int) -> None:
            if is_over():
                raise Stopped
            waiting(step, playing)

        return [
            evaluate(
                policy, config, config.final_episodes, seed, tick, config.eval_envs
            )
            for policy in policies
        ]

    if interrupt.name:  # A score, if it is there soon; another signal ends all.
        end = time.monotonic() + FAREWELL
        return play(lambda: time.monotonic() > end)
    with Interrupt() as late:
        return play(late.waits)
