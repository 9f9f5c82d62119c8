"""Which of several processes this one is, as TF_CONFIG tells it."""

import json
import os
from typing import Any


def task() -> dict[str, Any]:
    """The task of this process in its cluster, empty without a cluster."""
    try:
        config = json.loads(os.environ.get("TF_CONFIG") or "{}")
        return dict(config.get("task", {}))
    except (ValueError, AttributeError, TypeError):
        return {}


def is_chief() -> bool:
    """Whether this process is the one that writes the files of its run.

    All processes of a cluster play and learn the same, so that one speaks for all.
    """
    return task().get("index", 0) == 0
