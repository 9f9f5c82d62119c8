"""One run of the DQN example, three rows of the table, with its time split up.

The example itself is not changed: methods are replaced from outside by ones
that are timed, and one that is gone, or is not called, ends the run.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.dqn_speed import recipe
from benchmarks.stopwatch import Stopwatch
from examples.dqn.settings.config import Config
from examples.dqn.train import main as train

VARIANTS: dict[str, dict[str, Any]] = {
    "ours": {},
    "ours, Double off": {"double": False},
    "ours, 16 environments": {"num_envs": 16},
}


def make_config(who: str, seed: int, folder: Path) -> Config:
    """The recipe as a configuration; what it leaves open stays our default."""
    return Config(
        env_id=recipe.ENV_ID,
        seed=seed,
        total_steps=recipe.TOTAL_STEPS,
        learning_starts=recipe.LEARNING_STARTS,
        train_every=recipe.BLOCK_STEPS,
        updates_per_train=recipe.BLOCK_UPDATES,
        target_period=recipe.BLOCK_UPDATES,
        batch_size=recipe.BATCH_SIZE,
        hidden_sizes=recipe.HIDDEN_SIZES,
        keep="last",
        # Never: the peers do not stop to play either.
        eval_every=10 * recipe.TOTAL_STEPS,
        final_episodes=recipe.EPISODES,
        run_folder=folder,
        **VARIANTS[who],
    )


def share_of_floor(
    block: Stopwatch, double: bool, options: argparse.Namespace
) -> float:
    """Our updates per second over those of their matrix products alone."""
    from benchmarks.dqn_speed.floor import make_products, updates_per_second

    agent, *arguments = block.last
    ours, products = updates_per_second(
        [lambda: agent.update(*arguments), make_products(double, options.seed)],
        options.clock,
    )
    return ours / products


def main() -> None:
    options = recipe.parse(__doc__)
    # Before these, the example's own module has chosen Keras's backend.
    from examples.dqn.agent import Agent
    from examples.dqn.envs.loop import LoopEnvironments
    from examples.dqn.networks.numpy_policy import NumpyPolicy
    from examples.dqn.replay.replay import Replay
    from examples.dqn.trainer import Trainer

    def watch(owner: type, *names: str) -> list[Stopwatch]:
        return [Stopwatch(owner, name, options.clock) for name in names]

    [loop], [block] = watch(Trainer, "run"), watch(Agent, "update")
    parts = {
        "environment": watch(LoopEnvironments, "step"),
        "acting": watch(NumpyPolicy, "explore"),
        "replay": watch(Replay, "add", "sample"),
        "updates": [block],
    }
    with tempfile.TemporaryDirectory() as folder:
        config = make_config(options.who, options.seed, Path(folder))
        result = train(config)
    seconds = {
        name: sum(stopwatch.seconds for stopwatch in stopwatches)
        for name, stopwatches in parts.items()
    }
    seconds["the rest"] = loop.seconds - sum(seconds.values())
    results = recipe.figures(options.clock, loop, block, recipe.TOTAL_STEPS)
    if results["updates"] != result.updates:
        raise SystemExit(
            f"{block.what} must make {recipe.BLOCK_UPDATES} updates in each call. "
            f"Received: {result.updates} updates in {len(block.times)} calls"
        )
    results["parts"] = {name: round(value, 4) for name, value in seconds.items()}
    results["share of floor"] = share_of_floor(block, config.double, options)
    packages = ["keras", "tensorflow", "gymnasium", "numpy"]
    recipe.tell(options, packages, {"score": result.last_score, **results})


if __name__ == "__main__":
    main()
