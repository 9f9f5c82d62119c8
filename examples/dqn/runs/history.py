"""What happened in a run so far, as its picture shows it."""

from dataclasses import dataclass, field

import numpy as np


@dataclass
class History:
    """What run.png shows, and metrics.csv has only in summary."""

    episodes: list[tuple[int, float]] = field(default_factory=list)
    """(environment step, return) of each training episode."""
    evaluations: list[tuple[int, float]] = field(default_factory=list)
    """(environment step, mean return) of each greedy evaluation."""
    clips: list[dict[str, np.ndarray]] = field(default_factory=list)
    """What the clipper did, one entry per block of updates."""

    def push_clips(
        self, clips: dict[str, np.ndarray], updates: int, began: int, ended: int
    ) -> dict[str, float]:
        """Takes in what the clipper did in a block.

        Args:
            clips: Of the last updates of the block; its log may be shorter than that.
            updates: Of the whole block, which is drawn over the steps it learned from.
            began: The first of these steps.
            ended: The step after the last.

        Returns:
            What the row of the block says of it.
        """
        steps = np.linspace(began, ended, updates, endpoint=False)
        steps = steps[updates - len(clips["norm"]) :]
        self.clips.append(clips | {"step": steps})
        return {
            "norm": float(np.median(clips["norm"])),
            "threshold": float(np.median(clips["threshold"])),
            "clip_fraction": float(clips["clipped"].mean()),
        }

    def mean_return(self) -> float | None:
        """Of the last 20 training episodes, None before the first has ended."""
        last = [value for _, value in self.episodes[-20:]]
        return float(np.mean(last)) if last else None
