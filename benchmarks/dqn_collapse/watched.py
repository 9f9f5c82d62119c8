"""One run of the example, looked at on the way."""

import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.dqn_collapse.probe import Probe
from examples.dqn.agent import Agent
from examples.dqn.envs.making import make_environments
from examples.dqn.evaluate import evaluate
from examples.dqn.runs.report import Report
from examples.dqn.runs.strategy import configure_devices, make_strategy
from examples.dqn.settings.config import Config
from examples.dqn.trainer import Trainer


class Watched(Trainer):
    probe: Probe | None = None

    def _learn(self) -> dict[str, float]:
        if self.probe is None:
            self.probe = Probe(self)
        self.probe.before_block()
        return super()._learn()

    def _evaluate(self) -> dict[str, float]:
        found = super()._evaluate()
        if self.probe is not None:
            self.probe.look(found["greedy_return"])
        return found


def run(config: Config, folder: Path) -> dict[str, Any]:
    """Trains once and returns what was seen."""
    started = time.monotonic()
    configure_devices(config.threads, config.logical_devices)
    strategy = make_strategy(config.strategy, config.batch_size)
    *seeds, final = np.random.SeedSequence(config.seed).generate_state(4).tolist()
    env_seed, generator_seed, eval_seed = seeds
    envs = make_environments(
        config.env_id, config.num_envs, env_seed, config.frame_stack
    )

    agent = Agent(envs.observation_shape, envs.num_actions, config, strategy)
    with (folder / "progress").open("w") as progress:
        trainer = Watched(
            config,
            agent,
            envs,
            Report(folder, config.total_steps, stream=progress),
            np.random.default_rng(generator_seed),
            eval_seed,
        )
        trainer.run()
    seconds = time.monotonic() - started
    returns = evaluate(agent.policy(), config.env_id, config.final_episodes, final)
    best = evaluate(trainer.kept_policy(), config.env_id, config.final_episodes, final)
    return {
        "last": round(float(returns.mean()), 1),
        "best": round(float(best.mean()), 1),
        "seconds": round(seconds, 1),
        "seen": trainer.probe.lines if trainer.probe else [],
    }
