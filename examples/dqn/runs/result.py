"""What a run came to, returned to whoever called it and kept on disk."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from examples.dqn.networks.policy import Policy
from examples.dqn.runs.history import History


@dataclass(frozen=True)
class Result:
    """What a run came to."""

    score: float
    """Mean return of the final greedy episodes, with the weights kept."""
    returns: np.ndarray
    """Return of each of them."""
    last_score: float
    """The score that the last weights have, kept or not."""
    updates: int
    """Gradient steps taken."""
    seconds: float
    """Wall time of `main`, from the imports to the plot."""
    run_folder: Path
    """Where the files are."""
    policy: Policy
    """What was kept; `policy.greedy(observations)` acts."""
    history: History
    """Episodes, evaluations and clipping of the whole run."""
    stopped: str | None = None
    """Why it ended before its last step, None if it did not."""


def write_result(folder: Path, step: int, result: Result) -> None:
    """Writes what the run came to after `step` steps to `result.json`."""
    values = {
        "step": step,
        "score": result.score,
        "last_score": result.last_score,
        "updates": result.updates,
        "seconds": round(result.seconds, 1),
        "returns": result.returns.tolist(),
    }
    (folder / "result.json").write_text(json.dumps(values) + "\n")


def score_line(returns: np.ndarray) -> str:
    """What a run tells of its final episodes."""
    return f"mean return {returns.mean():.1f} over {len(returns)} greedy episodes"
