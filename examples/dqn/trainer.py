"""The loop: collect environment steps, learn from the replay, repeat."""

from typing import Any

import numpy as np

from examples.dqn.agent import Agent
from examples.dqn.cycle import Cycle
from examples.dqn.envs.environments import Environments
from examples.dqn.errors import RunError, Stopped
from examples.dqn.evaluate import evaluate
from examples.dqn.finite import check_values
from examples.dqn.listeners import Listeners
from examples.dqn.networks.policy import Policy
from examples.dqn.parts import Parts
from examples.dqn.player import Player
from examples.dqn.runs.checkpoint import write_checkpoint
from examples.dqn.runs.history import History
from examples.dqn.runs.interrupt import Interrupt
from examples.dqn.runs.report import Report, Row
from examples.dqn.runs.trainer_state import put_back, state_of
from examples.dqn.settings.config import Config


class Trainer(Player):
    """Everything that changes while an agent trains.

    Args:
        config: How often, how much.
        agent: Learns in place.
        envs: Played with exploration.
        report: Gets a row per cycle.
        generator: Source of exploration and of replay samples.
        eval_seed: First environment seed of each greedy evaluation.
        parts: What is not to be made of the configuration.
    """

    def __init__(
        self,
        config: Config,
        agent: Agent,
        envs: Environments,
        report: Report,
        generator: np.random.Generator,
        eval_seed: int,
        parts: Parts = Parts(),  # noqa: B008 (it never changes)
    ):
        super().__init__(config, envs, agent.policy(), generator, parts)
        self.parts = parts
        self.agent = agent
        self.report = report
        self.eval_seed = eval_seed
        self.best: tuple[float, Policy] | None = None
        self.cycle: Cycle | None = None
        """What is going on, None between two cycles."""
        self.learns_from = config.first_update
        """The step of the first update, which is later where a replay fills anew."""
        self.told: Listeners | None = None
        """Who is told, None where nobody is."""

    def run(self, interrupt: Interrupt | None = None) -> History:
        """Trains for `total_steps` environment steps, or until interrupted.

        An interrupt waits for the end of a cycle, unless that takes long: then the
        cycle is left where it is, and saved so.

        Raises:
            RunError: If the environments or the disk fail; what was saved last
                can be resumed.
        """
        self._interrupt = interrupt
        if not self.step:
            self.save()
        try:
            while self.cycle or self.step < self.config.total_steps:
                if self.stopped or (interrupt and interrupt.name):
                    break
                self._run_cycle()
        except Stopped:
            pass
        self.save()
        return self.history

    @property
    def stopped(self) -> str | None:
        """Why a callback has ended the run, None if none has."""
        return self.told.moment.stopped if self.told else None

    def _run_cycle(self) -> None:
        """Runs a cycle, or what is left of one."""
        config = self.config
        cycle = self.cycle = self.cycle or Cycle(self.step)
        before = cycle.began
        if cycle.learned is None:
            self._collect(min(before + config.train_every, config.total_steps))
            cycle.learned = self._learn() if self.step >= self.learns_from else {}
        metrics = dict(cycle.learned)
        if self.step // config.eval_every > before // config.eval_every:
            metrics |= self._evaluate()
        self._record(metrics)
        # Told of a cycle that is over, or a checkpoint would hold it as going on.
        self.cycle = None
        self._tell("greedy_return" in metrics)
        if self.step // config.checkpoint_every > before // config.checkpoint_every:
            self.save()

    def _tell(self, evaluated: bool) -> None:
        """Tells callbacks of the cycle that has ended."""
        if not self.told:
            return
        best = self.best is not None and self.best[1] is self.policy
        if evaluated and (best or self.config.keep == "last"):
            self.agent.write_policy(self.report.folder, self.policy)
        self.told.cycle(self.report.rows[-1], self.policy, self.history, evaluated)

    def save(self) -> None:
        """Writes a checkpoint from which `restore` goes on as if never stopped."""
        try:
            write_checkpoint(
                self.report.folder / "checkpoints",
                self.step,
                state_of(self),
                self.config.keep_checkpoints,
            )
        except OSError as error:
            raise RunError(
                f"the checkpoint of step {self.step} cannot be written ({error})"
            ) from error

    def restore(self, state: dict[str, Any]) -> bool:
        """Goes on from a checkpoint.

        Returns:
            Whether the environments could be put back too. If not, their
            episodes begin anew.
        """
        return put_back(self, state)

    def kept_policy(self) -> Policy:
        """The policy that the final score is for."""
        if self.config.keep == "last" or self.best is None:
            return self.policy
        return self.best[1]

    def _learn(self) -> dict[str, float]:
        """Runs one block of updates."""
        updates = self.config.updates_per_train
        sample = self.replay.sample(self.generator, updates, self.config.batch_size)
        batches = sample.batches
        if self.seen is not None:
            self.agent.normalize_by(self.seen.mean, self.seen.variance)
        if self.reward_scale is not None:
            scaled = batches.rewards / np.float32(self.reward_scale.value)
            batches = batches._replace(rewards=scaled)
        found = self.agent.update(batches, sample.weights)
        check_values(found.losses, found.errors, self.agent.updates, self.step)
        self.replay.feedback(sample.rows, found.errors)
        self.policy = self.agent.policy()
        metrics = {"loss": float(found.losses.mean())}
        clips = self.agent.clip_history(since=self.agent.updates - updates)
        if clips:
            began = self.cycle.began if self.cycle else 0
            metrics |= self.history.push_clips(clips, updates, began, self.step)
        return metrics

    def _evaluate(self) -> dict[str, float]:
        """Plays without exploration, and keeps the best.

        Raises:
            Stopped: If a signal waits; the evaluation can be played again.
        """
        config = self.config
        lent = self.envs.first if config.eval_envs == "training" else None
        returns = evaluate(
            self.policy,
            config,
            config.eval_episodes,
            self.eval_seed,
            self._tick,
            config.eval_envs,
            lent,
        )
        if lent is not None:
            # A seed of their own, or they would repeat what follows an evaluation.
            self.envs.begin(int(self.generator.integers(2**31)))
            self.begin_episodes()
        mean = float(returns.mean())
        if self.best is None or mean >= self.best[0]:
            self.best = mean, self.policy
        self.history.evaluations.append((self.step, mean))
        return {"greedy_return": mean}

    def _tick(self, step: int, playing: int) -> None:
        self._wait()
        self.report.wait(step, playing)

    def _record(self, metrics: dict[str, float]) -> None:
        row = Row(
            step=self.step,
            updates=self.agent.updates,
            episodes=len(self.history.episodes),
            epsilon=self.epsilon(self.step),
            mean_return=self.history.mean_return(),
            **metrics,
        )
        self.report.record(row)
