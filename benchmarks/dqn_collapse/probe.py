"""What is watched while an agent trains: values, gaps, units, weights, clipping."""

from typing import Any

import keras
import numpy as np

from examples.dqn.networks.policy import Policy
from examples.dqn.trainer import Trainer

STATES = 2_000


class Probe:
    """Looks at a trainer at each greedy evaluation.

    Args:
        trainer: What to watch. It is not changed, and draws no other numbers.
    """

    def __init__(self, trainer: Trainer):
        self._trainer = trainer
        self.lines: list[dict[str, float]] = []
        online = trainer.agent.online
        units = [layer.output for layer in online.layers if "_relu" in layer.name]
        self._units = keras.Model(online.input, units)
        self._before: Policy = trainer.policy

    def before_block(self) -> None:
        """Remembers the policy that a block of updates is about to change."""
        self._before = self._trainer.policy

    def look(self, greedy_return: float) -> None:
        """Adds a line about the present state."""
        trainer = self._trainer
        states = self._states()
        values = trainer.policy.q_values(states)
        before = self._before.q_values(states)
        best, second = np.sort(values, axis=1)[:, :-3:-1].T
        gaps = best - second
        advantages = values - values.mean(axis=1, keepdims=True)
        moved = advantages - (before - before.mean(axis=1, keepdims=True))
        line = {
            "step": trainer.step,
            "greedy": greedy_return,
            "value": best.mean(),
            "highest value": best.max(),
            "gap": np.median(gaps),
            # How far one block moves the gap, and whether that turns the choice.
            "moved": np.abs(moved).max(axis=1).mean() * 2,
            "turned": (values.argmax(axis=1) != before.argmax(axis=1)).mean(),
            "dead": self._dead(states),
            "weights": self._norm_of_weights(),
            **self._clipping(),
        }
        self.lines.append({name: round(float(x), 4) for name, x in line.items()})

    def _states(self) -> np.ndarray:
        """Some of the newest quarter of the replay, the same number each time."""
        trainer = self._trainer
        newest = max(1, len(trainer.replay) // 4)
        rows = np.linspace(1, newest, min(newest, STATES)).astype(int)
        added, size = trainer.replay.store.added, trainer.replay.store.size
        states: np.ndarray = trainer.replay.store.take((added - rows) % size)[0]
        return states

    def _dead(self, states: np.ndarray) -> float:
        """Share of the hidden units that are 0 on all states."""
        found: Any = self._units(states)
        layers = found if isinstance(found, (list, tuple)) else [found]
        dead = [(np.array(layer) <= 0).all(axis=0) for layer in layers]
        return float(np.concatenate(dead).mean())

    def _norm_of_weights(self) -> float:
        kernels = [
            np.array(weight)
            for weight in self._trainer.agent.online.trainable_variables
            if weight.name == "kernel"
        ]
        return float(np.sqrt(sum(np.square(kernel).sum() for kernel in kernels)))

    def _clipping(self) -> dict[str, float]:
        """Of the blocks since the last look."""
        since = self.lines[-1]["step"] if self.lines else 0
        blocks = [x for x in self._trainer.history.clips if x["step"][0] >= since]
        if not blocks:
            return {}
        return {
            name: float(np.median(np.concatenate([block[name] for block in blocks])))
            for name in ("norm", "threshold")
        } | {"clipped": float(np.mean([block["clipped"].mean() for block in blocks]))}
