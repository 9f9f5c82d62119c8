"""What a sweep tries, one line per setting: `python -m examples.dqn.tune`."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Between:
    """Any number from `low` to `high`, evenly on a logarithmic scale if `log`."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class Among:
    """One of these; what is no number or text is named by what it looks like."""

    values: tuple[Any, ...]


SPACE: dict[str, Between | Among] = {
    "learning_rate": Between(1e-4, 5e-3, log=True),
    "batch_size": Among((32, 64, 128)),
    "updates_per_train": Among((32, 64, 128)),
    "target_period": Among((32, 64, 128, 256)),
    "n_step": Among((1, 3, 5)),
    "gamma": Among((0.98, 0.99, 0.995)),
    "hidden_sizes": Among(((64, 64), (128, 128), (256, 256))),
    "layer_norm": Among((False, True)),
    "advantage_learning": Among((0.0, 0.5, 0.8)),
    "epsilon_fraction": Between(0.05, 0.5),
    "epsilon_end": Between(0.01, 0.1, log=True),
    "clipper": Among(("autoclip", "clip_by_norm", "none")),
}
