"""From what a run has left to one that goes on from there."""

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from examples.dqn.envs.moments import Moments
from examples.dqn.errors import ConfigError
from examples.dqn.parts import Parts
from examples.dqn.runs.checkpoint import read_newest
from examples.dqn.runs.quiet import silent_libraries
from examples.dqn.settings.config import Config

# Settings that decide which weights a network has.
_LAYERS = (
    *("hidden_sizes", "layer_norm", "dueling", "distributional", "quantiles"),
    *("noisy", "normalize_observations"),
)


def read_state(folder: Path) -> dict[str, Any]:
    """The newest checkpoint of a run that is whole; the others are told.

    Raises:
        ConfigError: If there is none.
    """
    with silent_libraries():
        state, complaints = read_newest(folder / "checkpoints")
    for complaint in complaints:
        print(complaint)
    return state


def check_parts(state: dict[str, Any], parts: Parts) -> None:
    """Refuses to go on with other parts than the run was begun with.

    Raises:
        ConfigError: With what it had and what it is given.
    """
    had = ", ".join(state.get("parts", ())) or "none"
    given = ", ".join(parts.names) or "none"
    if had != given:
        raise ConfigError(
            f"resume must be given the own parts that the run was begun with: {had}. "
            f"Received: {given}"
        )


def longer(config: Config, total_steps: int, step: int) -> Config:
    """The configuration of a run that is to end elsewhere.

    Raises:
        ConfigError: If it has gone further than that.
    """
    if total_steps < step:
        raise ConfigError(
            f"total_steps must be at least the {step} steps that the run has gone. "
            f"Received: total_steps={total_steps}"
        )
    return replace(config, total_steps=total_steps)


class Kept(NamedTuple):
    """What another run can begin with."""

    weights: list[np.ndarray]
    """Those that the run has kept so far, in the order of its network."""
    seen: Moments | None
    """Of the observations that it normalises by, None if it does not."""


def kept(folder: Path) -> Kept:
    """What a run has kept so far.

    Raises:
        ConfigError: If the folder has no checkpoint that is whole.
    """
    state = _read_kept(folder)
    if state["config"].keep == "best" and state["best"] is not None:
        return Kept(list(state["best"][1].weights), state["seen"])
    return Kept(list(state["agent"]["online"]), state["seen"])


def check_layers(config: Config, parts: Parts) -> None:
    """Refuses to begin with the weights of other layers, before there is a folder.

    Raises:
        ConfigError: With the first setting that differs.
    """
    assert config.init_from is not None
    state = _read_kept(config.init_from)
    if parts.network is not None or "network" in state["parts"]:
        return  # Its weights are held against those of the run.
    for name in _LAYERS:
        old, new = (getattr(settings, name) for settings in (state["config"], config))
        if old != new and (name != "quantiles" or config.distributional):
            raise ConfigError(
                f"{name} must be {old}, as in the run that init_from names. "
                f"Received: {name}={new}, init_from={config.init_from}"
            )


def _read_kept(folder: Path) -> dict[str, Any]:
    try:
        return read_state(folder)
    except ConfigError as error:
        reason = str(error).replace("resume", "init_from", 1)
        raise ConfigError(reason.replace("resume=", "init_from=")) from error
