"""The loop: collect environment steps, learn from the replay, repeat."""

from dataclasses import dataclass, field

import numpy as np

from examples.dqn.agent import Agent
from examples.dqn.config import Config
from examples.dqn.envs import AnyEnvironments
from examples.dqn.evaluate import evaluate
from examples.dqn.nstep import NStep
from examples.dqn.policy import NumpyPolicy
from examples.dqn.prioritized import PrioritizedReplay
from examples.dqn.replay import Replay
from examples.dqn.report import Report, Row
from examples.dqn.schedules import epsilon_schedule


@dataclass
class History:
    """What the plot shows and metrics.csv has only in summary."""

    episodes: list[tuple[int, float]] = field(default_factory=list)
    """(environment step, return) of each training episode."""
    evaluations: list[tuple[int, float]] = field(default_factory=list)
    """(environment step, mean return) of each greedy evaluation."""
    clips: list[dict[str, np.ndarray]] = field(default_factory=list)
    """What the clipper did, one entry per block of updates."""


class Trainer:
    """Everything that changes while an agent trains.

    Args:
        config: How often, how much.
        agent: Learns in place.
        envs: Played with exploration.
        report: Gets a row per cycle.
        generator: Source of exploration and of replay samples.
        eval_seed: First environment seed of each greedy evaluation.
    """

    def __init__(
        self,
        config: Config,
        agent: Agent,
        envs: AnyEnvironments,
        report: Report,
        generator: np.random.Generator,
        eval_seed: int,
    ):
        self.config = config
        self.agent = agent
        self.envs = envs
        self.report = report
        self.generator = generator
        self.eval_seed = eval_seed
        self.nstep = NStep(config.n_step, config.gamma, config.num_envs)
        self.replay = make_replay(config, envs.observation_shape)
        self.epsilon = epsilon_schedule(config)
        self.policy = agent.policy()
        self._best: tuple[float, NumpyPolicy] | None = None
        self.history = History()
        self.step = 0

    def run(self) -> History:
        """Trains for `total_steps` environment steps."""
        config = self.config
        while self.step < config.total_steps:
            before = self.step
            self._collect(min(before + config.train_every, config.total_steps))
            metrics: dict[str, float] = {}
            if self.step >= config.learning_starts:
                metrics |= self._learn()
            if self.step // config.eval_every > before // config.eval_every:
                metrics |= self._evaluate()
            self._record(metrics)
        return self.history

    def kept_policy(self) -> NumpyPolicy:
        """The policy that the final score is for."""
        if self.config.keep == "last" or self._best is None:
            return self.policy
        return self._best[1]

    def _collect(self, end: int) -> None:
        """Plays until step `end`."""
        while self.step < end:
            epsilon = self.epsilon(self.step)
            actions = self.policy.explore(
                self.envs.observations, epsilon, self.generator
            )
            # Several environments may step past the end; the surplus is dropped.
            left = self.config.total_steps - self.step
            steps = self.envs.step(actions).first(left)
            self.replay.add(self.nstep.push(steps))
            self.step += steps.size
            new = self.envs.finished_returns[len(self.history.episodes) :]
            self.history.episodes += [(self.step, value) for value in new]

    def _learn(self) -> dict[str, float]:
        """Runs one block of updates."""
        updates = self.config.updates_per_train
        sample = self.replay.sample(self.generator, updates, self.config.batch_size)
        found = self.agent.update(sample.batches, sample.weights)
        self.replay.feedback(sample.rows, found.errors)
        self.policy = self.agent.policy()
        metrics = {"loss": float(found.losses.mean())}
        clips = self.agent.clip_history(since=self.agent.updates - updates)
        if clips:
            # Drawn over the steps that the block learned from last, not in a heap.
            first = self.step - self.config.train_every
            steps = np.linspace(first, self.step, updates, endpoint=False)
            self.history.clips.append(clips | {"step": steps})
            metrics["norm"] = float(np.median(clips["norm"]))
            metrics["threshold"] = float(np.median(clips["threshold"]))
            metrics["clip_fraction"] = float(clips["clipped"].mean())
        return metrics

    def _evaluate(self) -> dict[str, float]:
        """Plays without exploration, on environments of its own, and keeps the best."""
        config = self.config
        returns = evaluate(
            self.policy, config.env_id, config.eval_episodes, self.eval_seed
        )
        mean = float(returns.mean())
        if self._best is None or mean >= self._best[0]:
            self._best = mean, self.policy
        self.history.evaluations.append((self.step, mean))
        return {"greedy_return": mean}

    def _record(self, metrics: dict[str, float]) -> None:
        returns = self.envs.finished_returns
        if returns:
            metrics["mean_return"] = float(np.mean(returns[-20:]))
        row = Row(
            step=self.step,
            updates=self.agent.updates,
            episodes=len(returns),
            epsilon=self.epsilon(self.step),
            **metrics,
        )
        self.report.record(row)


def make_replay(config: Config, observation_shape: tuple[int, ...]) -> Replay:
    """The replay that the configuration asks for."""
    if not config.prioritized:
        return Replay(config.replay_size, observation_shape)
    return PrioritizedReplay(
        config.replay_size,
        observation_shape,
        config.priority_exponent,
        config.priority_correction,
        config.total_steps,
    )
