"""Which of several processes this one is, as TF_CONFIG tells it."""

import json
import os
from typing import Any


def task() -> dict[str, Any]:
    """The task of this process in its cluster, empty without a cluster."""
    try:
        return dict(_config().get("task", {}))
    except (ValueError, TypeError):
        return {}


def is_chief() -> bool:
    """Whether this process is the one that writes the files of its run.

    All processes of a cluster play and learn the same, so that one speaks for all.
    """
    own = task()
    if not own:
        return True
    kind = own.get("type", "worker")
    # As TensorFlow has it: the first worker speaks where there is no chief.
    chiefs = {"chief", "master"} & {*_config().get("cluster", {})}
    if chiefs:
        return kind in chiefs
    return kind == "worker" and _is_zero(own.get("index", 0))


def _is_zero(index: Any) -> bool:
    """Whether an index is 0, which TensorFlow takes in quotes as well."""
    try:
        return int(index) == 0
    except (TypeError, ValueError):
        return False


def _config() -> dict[str, Any]:
    """What TF_CONFIG says, empty if it is nothing that can be read."""
    try:
        return dict(json.loads(os.environ.get("TF_CONFIG") or "{}"))
    except (ValueError, TypeError):
        return {}
