"""Several runs in one picture: what is one curve, and what it is called."""

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from examples.dqn.errors import ConfigError
from examples.dqn.runs.curves import Curve
from examples.dqn.runs.folder import read_config
from examples.dqn.runs.quiet import silent_libraries
from examples.dqn.settings.config import OF_THE_MACHINE, Config
from examples.dqn.settings.tuned import tuned_config

# Runs of one curve may differ in the seed, and in what changes nothing they learn.
ALIKE: dict[str, Any] = {
    name: getattr(Config, name)
    for name in (
        *("seed", "video", "checkpoint_every", "keep_checkpoints"),
        *OF_THE_MACHINE,
    )
}
# What the axis says, with the unit if there is one.
METRICS = {
    "greedy_return": "greedy return",
    "mean_return": "mean training return, last 20 episodes",
    "loss": "loss",
    "norm": "gradient norm",
    "threshold": "clipping threshold",
    "clip_fraction": "share of updates clipped",
    "epsilon": "share of random actions",
    "episodes": "finished episodes",
    "updates": "gradient steps",
}


def compare_runs(path: Path, folders: Sequence[Path], metric: str) -> list[Curve]:
    """Draws the runs.

    Args:
        path: The PNG to write.
        folders: Of runs, or of several runs each.
        metric: Column of metrics.csv.

    Returns:
        What was drawn.

    Raises:
        ConfigError: If a folder is no run, or has nothing to draw.
    """
    if not folders:
        raise ConfigError("runs must name one or more folders. Received: none")
    groups: dict[Config, list[Path]] = {}
    for folder in _run_folders(folders):
        group = replace(read_config(folder), **ALIKE)
        groups.setdefault(group, []).append(folder)
    labels = label_groups(list(groups))
    curves = []
    for label, members in zip(labels, groups.values()):
        steps, values = align([read_metric(run, metric) for run in members])
        runs = f"{len(members)} runs" if len(members) > 1 else "1 run"
        curves.append(Curve(f"{label} ({runs})", steps, values))
    environments = sorted({config.env_id for config in groups})
    # Imported here so that bad arguments do not wait for Keras and Matplotlib.
    with silent_libraries():
        from examples.dqn.runs.curve_plot import draw_curves
    draw_curves(path, curves, METRICS[metric], ", ".join(environments))
    return curves


def _run_folders(folders: Sequence[Path]) -> list[Path]:
    """Folders of single runs, each once, in order."""
    found: list[Path] = []
    for folder in folders:
        inside = sorted(path.parent for path in folder.glob("*/config.json"))
        found += _run_folders(inside) if inside else [folder]
    return list(dict.fromkeys(found))


def label_groups(configs: Sequence[Config]) -> list[str]:
    """Names each configuration by what tells it from the others.

    Settings that are tuned to the environment go without saying.
    """
    settings = [asdict(config) for config in configs]
    tuned = [asdict(tuned_config(config.env_id)) for config in configs]
    names = [
        name
        for name in settings[0]
        if len({json.dumps(one[name], default=str) for one in settings}) > 1
        and (
            name == "env_id"
            or any(one[name] != usual[name] for one, usual in zip(settings, tuned))
        )
    ]
    if not names:
        return [configs[0].env_id]
    return [", ".join(_setting(name, one[name]) for name in names) for one in settings]


def _setting(name: str, value: Any) -> str:
    return value if name == "env_id" else f"{name}={value}"


def read_metric(folder: Path, metric: str) -> np.ndarray:
    """Steps and values of a run, shape `(2, columns)`.

    Raises:
        ConfigError: If the run has none.
    """
    try:
        with (folder / "metrics.csv").open(newline="") as file:
            rows = [(row["step"], row[metric]) for row in csv.DictReader(file)]
        points = [(int(step), float(value)) for step, value in rows if value]
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise ConfigError(
            f"runs must have a metrics.csv that can be read. Received: {folder}"
        ) from error
    if not points:
        raise ConfigError(f"runs must have values of {metric}. Received: {folder}")
    return np.array(points).T


def align(runs: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Brings runs to common steps, as far as all of them go.

    Args:
        runs: Steps and values of each, shape `(2, columns)`.

    Returns:
        The steps, and one row of values per run; between its own steps, a run
        has the values of a straight line.
    """
    first = max(steps[0] for steps, _ in runs)
    last = min(steps[-1] for steps, _ in runs)
    steps = np.unique(np.concatenate([steps for steps, _ in runs]))
    steps = steps[(steps >= first) & (steps <= last)]
    return steps, np.stack([np.interp(steps, *run) for run in runs])
