"""Who says when CartPole is solved: the same for all, in whatever library.

Only NumPy and Gymnasium are imported here: the peers' environments have no more.
"""

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np

ENV_ID = "CartPole-v1"
EVERY = 2_500
EPISODES = 20
GOOD = 475.0
FINAL_EPISODES = 100
SEED = 10_000
"""First environment seed of the episodes."""

Greedy = Callable[[np.ndarray], np.ndarray]


def play(greedy: Greedy, episodes: int) -> float:
    """Mean return of episodes that are played side by side."""
    envs = [gymnasium.make(ENV_ID) for _ in range(episodes)]
    seen = {i: env.reset(seed=SEED + i)[0] for i, env in enumerate(envs)}
    total = 0.0
    while seen:
        # All of them each time, since a new shape may be a new compilation.
        rows = np.zeros((episodes, 4), np.float32)
        rows[list(seen)] = list(seen.values())
        actions = np.asarray(greedy(rows))
        for index in list(seen):
            found = envs[index].step(int(actions[index]))
            seen[index], reward, terminated, truncated, _ = found
            total += float(reward)
            if terminated or truncated:
                del seen[index]
    return total / episodes


class Judge:
    """Plays every so many steps, and remembers when it was solved.

    It is solved at the second evaluation in a row with a mean return of 475 or more.
    The evaluations themselves do not count as time.

    Args:
        clock: Seconds since the process began.
    """

    def __init__(self, clock: Callable[[], float]):
        self._clock = clock
        self._step = 0
        self._away = 0.0
        self.scores: list[tuple[int, float]] = []
        self.solved: tuple[float, int] | None = None
        """Seconds and steps, None if not yet."""

    def step(self, step: int, greedy: Greedy) -> None:
        """Is told how far a run is, and plays if it is time to."""
        due = step // EVERY > self._step // EVERY
        self._step = step
        if not due:
            return
        began = self._clock()
        score = play(greedy, EPISODES)
        good = [value >= GOOD for _, value in self.scores[-1:]] + [score >= GOOD]
        if self.solved is None and good == [True, True]:
            self.solved = began - self._away, step
        self.scores.append((step, round(score, 1)))
        self._away += self._clock() - began

    def results(self, greedy: Greedy) -> dict[str, Any]:
        """What became of the run, which has just ended."""
        seconds = self._clock() - self._away
        after, steps = self.solved or (None, None)
        return {
            "solved seconds": after and round(after, 2),
            "solved steps": steps,
            "seconds": seconds,
            "steps": self._step,
            "score": play(greedy, FINAL_EPISODES),
            "scores": self.scores,
        }
