"""Trains a DQN: `python -m examples.dqn.train --help`."""

import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from examples.dqn.checks import check_clipper, check_environment
from examples.dqn.envs.making import make_env, make_environments
from examples.dqn.errors import ConfigError, RunError, Stopped
from examples.dqn.parts import Parts
from examples.dqn.runs.folder import forget, held, make_run_folder, write_config
from examples.dqn.runs.going_on import (
    check_layers,
    check_parts,
    kept,
    longer,
    read_state,
)
from examples.dqn.runs.interrupt import Interrupt
from examples.dqn.runs.last_episodes import play_last
from examples.dqn.runs.quiet import silent_libraries
from examples.dqn.runs.result import Result, score_line, write_result
from examples.dqn.runs.seeds import has_seeds, parse_seeds, resume_seeds, train_seeds
from examples.dqn.runs.video import record_episode
from examples.dqn.schedules import make_schedule
from examples.dqn.settings.command_line import Asked, parse_command, run_reporting
from examples.dqn.settings.config import Config, machine_settings

if TYPE_CHECKING:
    from examples.dqn.trainer import Trainer

# The example is about tf.distribute, so Keras must run on TensorFlow. Keras
# reads this when it is first imported, which happens in `main`.
os.environ["KERAS_BACKEND"] = "tensorflow"
# What TensorFlow says about itself would drown what we say about the run.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def main(
    config: Config,
    parts: Parts = Parts(),  # noqa: B008 (it never changes)
    total_steps: int | None = None,
) -> Result:
    """Trains, evaluates and fills the run folder.

    Args:
        config: The settings, or which run to resume.
        parts: What is not to be made of the settings; see `run.py`.
        total_steps: Where a resumed run is to end now; None is where it was to.

    Raises:
        ConfigError: If the configuration cannot work here; before training.
        RunError: If environments or disk fail later.
    """
    started = time.monotonic()
    config, folder, state = _begin(config, parts, total_steps)
    with held(folder):
        write_config(folder, config)
        return _train(config, parts, folder, state, started)


def _train(
    config: Config,
    parts: Parts,
    folder: Path,
    state: dict[str, Any] | None,
    started: float,
) -> Result:
    """Trains from the start, or from a state, to the last file."""
    *seeds, final_seed = np.random.SeedSequence(config.seed).generate_state(4).tolist()
    try:
        trainer = _make_trainer(config, parts, folder, state, *seeds)
    except ConfigError:
        forget(folder)
        raise
    try:
        with Interrupt() as interrupt:
            trainer.run(interrupt)
    finally:
        trainer.report.close()
        trainer.envs.close()
    if interrupt.name:
        print(f"{interrupt.name}: stopped at step {trainer.step:,}, saved")
    elif trainer.stopped:
        print(f"{trainer.stopped}: stopped at step {trainer.step:,}, saved")
    result = _finish(config, folder, trainer, final_seed, started, interrupt)
    result = replace(result, stopped=interrupt.name or trainer.stopped)
    if trainer.told:
        trainer.told.end(result.policy, result.score)
    return result


def _make_trainer(
    config: Config,
    parts: Parts,
    folder: Path,
    state: dict[str, Any] | None,
    env_seed: int,
    generator_seed: int,
    eval_seed: int,
) -> "Trainer":
    """All parts of a run, put together, and back to a state if there is one."""
    # Imported here so that --help and bad arguments do not wait for TensorFlow.
    with silent_libraries():
        from examples.dqn.agent import Agent
        from examples.dqn.listeners import Listeners
        from examples.dqn.runs.report import Report
        from examples.dqn.runs.strategy import configure_devices, make_strategy
        from examples.dqn.trainer import Trainer

        configure_devices(config.threads, config.logical_devices)
        strategy = make_strategy(config.strategy, config.batch_size)
    envs = make_environments(
        config,
        config.num_envs,
        env_seed,
        config.frame_stack,
        config.vectorization,
    )
    agent = Agent(envs.observation_shape, envs.num_actions, config, strategy, parts)
    earlier = None
    if state is None and config.init_from is not None:
        earlier = kept(config.init_from)
        agent.begin_with(earlier.weights)
    report = Report(folder, config.total_steps, state["rows"] if state else [])
    generator = np.random.default_rng(generator_seed)
    trainer = Trainer(config, agent, envs, report, generator, eval_seed, parts)
    trainer.told = Listeners(parts.callbacks, config, folder, trainer.history)
    if earlier and earlier.seen is not None and trainer.seen is not None:
        trainer.seen = earlier.seen
    if state:
        whole = trainer.restore(state)
        print(f"resumes at step {trainer.step:,}", end="")
        print("" if whole else "; the environments begin new episodes")
    return trainer


def _finish(
    config: Config,
    folder: Path,
    trainer: "Trainer",
    seed: int,
    started: float,
    interrupt: Interrupt,
) -> Result:
    """Plays the final episodes, and writes all that a run leaves.

    Raises:
        RunError: If a signal ends the episodes; they can be played later.
    """
    from examples.dqn.runs.hparams import write_hparams
    from examples.dqn.runs.run_plot import plot_run

    policy = trainer.kept_policy()
    trainer.agent.save(folder, policy)
    title, solved_at = f"{config.env_id}, seed {config.seed}", _solved_at(config)
    try:
        returns, last_returns = play_last(
            [policy, trainer.agent.policy()], config, seed, interrupt
        )
    except Stopped:
        plot_run(folder / "run.png", title, trainer.history, solved_at)
        raise RunError(
            "stopped in the final episodes, so there is no score; "
            f"--resume {folder} goes on"
        ) from None
    title = f"{title}: {score_line(returns)}"
    plot_run(folder / "run.png", title, trainer.history, solved_at)
    result = Result(
        score=float(returns.mean()),
        returns=returns,
        last_score=float(last_returns.mean()),
        updates=trainer.agent.updates,
        seconds=time.monotonic() - started,
        run_folder=folder,
        policy=policy,
        history=trainer.history,
    )
    write_result(folder, trainer.step, result)
    scores = {"final_score": result.score, "final_last_score": result.last_score}
    write_hparams(folder, config, trainer.step, scores)
    if config.video:
        record_episode(folder / "policy.gif", policy, config, seed)
    return result


def _begin(
    config: Config, parts: Parts, total_steps: int | None
) -> tuple[Config, Path, dict[str, Any] | None]:
    """The configuration, the folder and, if it is resumed, the state of a run."""
    if config.resume is None:
        if config.init_from is not None:
            check_layers(config, parts)
        config = check_environment(config)  # Before there is a folder.
        check_clipper(config)
        make_schedule(parts.epsilon, config)
        return config, make_run_folder(config), None
    state = read_state(config.resume)
    check_parts(state, parts)
    # Where a run goes on may differ from where it began.
    machine = machine_settings(config)
    config = replace(state["config"], **machine, resume=config.resume)
    if total_steps is not None:
        config = longer(config, total_steps, state["step"])
    return config, make_run_folder(config), state


def _solved_at(config: Config) -> float | None:
    """The return at which Gymnasium calls the environment solved, if it says."""
    env = make_env(config)
    env.close()
    return env.spec.reward_threshold if env.spec else None


def run_command(arguments: list[str] | None = None) -> int:
    """Runs `main`, or several of it, as a command and returns its exit code."""
    return run_reporting(lambda: _run(*parse_command(arguments)))


def _run(command: Asked, config: Config) -> None:
    if command.seeds is not None:
        seeds = parse_seeds(command.seeds)
        check_environment(config)
        check_clipper(config)
        train_seeds(config, seeds, command.jobs)
        return
    if config.resume is not None and has_seeds(config.resume):
        machine = machine_settings(config)
        resume_seeds(config.resume, command.jobs, machine, command.total_steps)
        return
    if command.jobs is not None:
        raise ConfigError(
            "jobs must go with seeds, or resume them. "
            f"Received: jobs={command.jobs}, resume={config.resume}"
        )
    result = main(config, total_steps=command.total_steps)
    spread = f"min {result.returns.min():.0f}, max {result.returns.max():.0f}"
    print(f"{score_line(result.returns)} ({spread})")
    print(
        f"last weights {result.last_score:.1f}; {result.updates:,} updates, "
        f"{result.seconds:.1f} s: {result.run_folder}"
    )


if __name__ == "__main__":
    sys.exit(run_command())
