"""Tuned settings by environment, chosen on seeds 100 and up.

`python -m examples.dqn.train --env-id ID` starts from them, and every flag
beside it overrides one. An environment without an entry starts from the
defaults of `Config`.
"""

from typing import Any

from examples.dqn.settings.config import Config

_LARGER = {"batch_size": 128, "train_every": 64}

TUNED: dict[str, dict[str, Any]] = {
    # A small network is enough, and normalised layers make its values right early.
    # Then both actions of a balanced pole are worth the same, but for noise, so
    # that what was learned must be kept apart (benchmarks/results/dqn_collapse.md).
    "CartPole-v1": {
        "hidden_sizes": (64, 64),
        "layer_norm": True,
        "n_step": 3,
        "advantage_learning": 0.8,
    },
    # Close to those of rl-baselines3-zoo for QR-DQN: the distribution is worth ten
    # points, and the constant step size goes on improving to the end.
    "Acrobot-v1": {
        **_LARGER,
        "total_steps": 100_000,
        "replay_size": 50_000,
        "learning_rate": 6.3e-4,
        "learning_rate_schedule": "constant",
        "updates_per_train": 64,
        "target_period": 250,
        "double": False,
        "distributional": True,
        "quantiles": 25,
        "clipper": "clip_by_norm",
        "epsilon_fraction": 0.12,
        "epsilon_end": 0.1,
        "eval_every": 5_000,
        "eval_episodes": 100,
    },
    # Random actions never reach the flag. What does is the optimism of a network
    # that has not learned yet how much time costs, so it must choose early, and
    # what it finds must travel fast and be learned from often.
    "MountainCar-v0": {
        **_LARGER,
        "total_steps": 120_000,
        "replay_size": 120_000,
        "updates_per_train": 64,
        "target_period": 256,
        "epsilon_fraction": 0.05,
        "epsilon_end": 0.05,
        "n_step": 5,
        "eval_every": 4_000,
        "eval_episodes": 20,
    },
    # Fifty decisions a second: one more or less changes little, as with CartPole.
    "LunarLander-v3": {
        **_LARGER,
        "layer_norm": True,
        "advantage_learning": 0.5,
        "total_steps": 150_000,
        "replay_size": 150_000,
        "learning_rate": 6.3e-4,
        "updates_per_train": 32,
        "target_period": 256,
        "epsilon_fraction": 0.12,
        "epsilon_end": 0.02,
        "eval_every": 5_000,
        "eval_episodes": 40,
    },
    # Those of the Atari papers, shortened to what a CPU does in minutes: it shows
    # that all works, and learns little. Ten million steps would learn the game.
    "ALE/Pong-v5": {
        "total_steps": 20_000,
        "learning_starts": 2_000,
        "train_every": 128,
        "updates_per_train": 32,
        "batch_size": 32,
        "replay_size": 100_000,
        "reward_clip": 1.0,
        "n_step": 3,
        "hidden_sizes": (512,),
        "learning_rate": 1e-4,
        "learning_rate_schedule": "constant",
        "adam_epsilon": 1.5e-4,
        "target_period": 256,
        "epsilon_fraction": 0.5,
        "epsilon_end": 0.01,
        "eval_every": 10_000,
        "eval_episodes": 4,
        "final_episodes": 10,
        "threads": 2,
    },
}


def tuned_config(env_id: str, **settings: Any) -> Config:
    """The configuration for an environment, with `settings` on top.

    Raises:
        ConfigError: If a setting is out of range.
    """
    return Config(**{**TUNED.get(env_id, {}), **settings, "env_id": env_id})
