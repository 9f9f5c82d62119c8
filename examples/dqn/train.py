"""Trains a DQN: `python -m examples.dqn.train --help`."""

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from examples.dqn.checkpoint import read_newest
from examples.dqn.command_line import parse_arguments
from examples.dqn.config import OF_THE_MACHINE, Config, ConfigError, RunError
from examples.dqn.envs import make_env, make_environments
from examples.dqn.evaluate import evaluate
from examples.dqn.interrupt import Interrupt
from examples.dqn.run_folder import make_run_folder

# The example is about tf.distribute, so Keras must run on TensorFlow. Keras
# reads this when it is first imported, which happens in `main`.
os.environ["KERAS_BACKEND"] = "tensorflow"
# What TensorFlow says about itself would drown what we say about the run.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


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


def main(config: Config) -> Result:
    """Trains, evaluates and fills the run folder.

    Raises:
        ConfigError: If the configuration cannot work here; before training.
        RunError: If environments or disk fail later.
    """
    started = time.monotonic()
    config, folder, state = _begin(config)
    solved_at = _solved_at(config.env_id)

    # Imported here so that --help and bad arguments do not wait for TensorFlow.
    with _silent_libraries():
        from examples.dqn.agent import Agent
        from examples.dqn.plot import plot_run
        from examples.dqn.report import Report
        from examples.dqn.strategy import configure_devices, make_strategy
        from examples.dqn.trainer import Trainer

        configure_devices(config)
        strategy = make_strategy(config)
    env_seed, generator_seed, eval_seed, final_seed = (
        np.random.SeedSequence(config.seed).generate_state(4).tolist()
    )
    envs = make_environments(config, env_seed)
    agent = Agent(envs.observation_shape, envs.num_actions, config, strategy)
    rows = state["rows"] if state else []
    report = Report(folder, config.total_steps, rows)
    generator = np.random.default_rng(generator_seed)
    trainer = Trainer(config, agent, envs, report, generator, eval_seed)
    if state:
        whole = trainer.restore(state)
        print(f"resumes at step {trainer.step:,}", end="")
        print("" if whole else "; the environments begin new episodes")
    try:
        with Interrupt() as interrupt:
            history = trainer.run(interrupt)
    finally:
        report.close()
        trainer.envs.close()
    if interrupt.name:
        print(f"{interrupt.name}: stopped at step {trainer.step:,}, saved")

    policy = trainer.kept_policy()
    returns, last_returns = (
        evaluate(player, config.env_id, config.final_episodes, final_seed)
        for player in (policy, agent.policy())
    )
    agent.save(folder, policy)
    title = f"{config.env_id}, seed {config.seed}: {_score(returns)}"
    plot_run(folder / "run.png", title, history, solved_at)
    return Result(
        score=float(returns.mean()),
        returns=returns,
        last_score=float(last_returns.mean()),
        updates=agent.updates,
        seconds=time.monotonic() - started,
        run_folder=folder,
    )


def _begin(config: Config) -> tuple[Config, Path, dict[str, Any] | None]:
    """The configuration, the folder and, if it is resumed, the state of a run."""
    if config.resume is None:
        make_env(config.env_id).close()  # Before there is a folder.
        return config, make_run_folder(config), None
    with _silent_libraries():
        state, complaints = read_newest(config.resume / "checkpoints")
    for complaint in complaints:
        print(complaint)
    # Where a run goes on may differ from where it began.
    machine = {
        name: getattr(config, name)
        for name in OF_THE_MACHINE
        if getattr(config, name) != getattr(Config, name)
    }
    config = replace(state["config"], **machine, resume=config.resume)
    return config, make_run_folder(config), state


@contextlib.contextmanager
def _silent_libraries() -> Iterator[None]:
    """Hides what TensorFlow prints while it starts, whatever its log level."""
    sys.stderr.flush()
    stderr = os.dup(2)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


def _solved_at(env_id: str) -> float | None:
    """The return at which Gymnasium calls the environment solved, if it says."""
    env = make_env(env_id)
    env.close()
    return env.spec.reward_threshold


def _score(returns: np.ndarray) -> str:
    return f"mean return {returns.mean():.1f} over {len(returns)} greedy episodes"


def run_command(arguments: list[str] | None = None) -> int:
    """Runs `main` as a command.

    Returns:
        The exit code: 2 for a bad setting, 1 for a run that failed, each told in
        one line on stderr.
    """
    try:
        result = main(parse_arguments(arguments))
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except RunError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    spread = f"min {result.returns.min():.0f}, max {result.returns.max():.0f}"
    print(f"{_score(result.returns)} ({spread})")
    print(
        f"last weights {result.last_score:.1f}; {result.updates:,} updates, "
        f"{result.seconds:.1f} s: {result.run_folder}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(run_command())
