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
