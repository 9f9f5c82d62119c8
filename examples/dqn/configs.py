"""Tuned settings by environment, chosen on seeds 100 and up.

`python -m examples.dqn.train --env-id ID` starts from them, and every flag
beside it overrides one. An environment without an entry starts from the
defaults of `Config`, which are those of CartPole.
"""

from typing import Any

from examples.dqn.config import Config

TUNED: dict[str, dict[str, Any]] = {
    "CartPole-v1": {},
}


def tuned_config(env_id: str, **settings: Any) -> Config:
    """The configuration for an environment, with `settings` on top.

    Raises:
        ConfigError: If a setting is out of range.
    """
    return Config(**{**TUNED.get(env_id, {}), **settings, "env_id": env_id})
