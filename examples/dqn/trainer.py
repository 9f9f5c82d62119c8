"""The loop: collect environment steps, learn from the replay, repeat."""

import pickle
from dataclasses import dataclass
from typing import Any

import numpy as np

from examples.dqn.agent import Agent
from examples.dqn.envs.environments import Environments, Steps
from examples.dqn.envs.images import sees_images
from examples.dqn.envs.moments import Moments, RewardScale
from examples.dqn.envs.returns import Returns
from examples.dqn.errors import RunError, Stopped, environment_error
from examples.dqn.evaluate import evaluate
from examples.dqn.finite import check_numbers, check_values
from examples.dqn.networks.policy import Policy
from examples.dqn.replay.making import make_replay
from examples.dqn.replay.nstep import NStep
from examples.dqn.replay.transitions import Transitions
from examples.dqn.runs.checkpoint import write_checkpoint
from examples.dqn.runs.history import History
from examples.dqn.runs.interrupt import Interrupt
from examples.dqn.runs.report import Report, Row
from examples.dqn.schedules import epsilon_schedule
from examples.dqn.settings.config import Config

# What a checkpoint holds of a trainer as it is.
RESTORED = (
    *("step", "cycle", "replay", "nstep", "returns", "seen", "reward_scale"),
    *("generator", "history", "best"),
)


@dataclass
class Cycle:
    """What is played, learned and evaluated before a row is recorded."""

    began: int
    """The step before its first."""
    learned: dict[str, float] | None = None
    """What its row says of its updates; None while it is played."""


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
        envs: Environments,
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
        self.replay = make_replay(
            config, envs.observation_shape, config.num_envs, config.total_steps
        )
        self.nstep = NStep(
            config.n_step, config.gamma, config.num_envs, config.reward_clip
        )
        self.returns = Returns(config.num_envs)
        self.seen: Moments | None = None
        if config.normalize_observations and not sees_images(envs.observation_shape):
            self.seen = Moments(envs.observation_shape)
        self.reward_scale: RewardScale | None = None
        if config.scale_rewards:
            self.reward_scale = RewardScale(config.gamma, config.num_envs)
        self.epsilon = epsilon_schedule(config, config.total_steps)
        self.policy = agent.policy()
        self.best: tuple[float, Policy] | None = None
        self.history = History()
        self.step = 0
        self.cycle: Cycle | None = None
        """What is going on, None between two cycles."""
        self._interrupt: Interrupt | None = None

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
                if interrupt and interrupt.name:
                    break
                self._run_cycle()
        except Stopped:
            pass
        self.save()
        return self.history

    def _run_cycle(self) -> None:
        """Runs a cycle, or what is left of one."""
        config = self.config
        cycle = self.cycle = self.cycle or Cycle(self.step)
        before = cycle.began
        if cycle.learned is None:
            self._collect(min(before + config.train_every, config.total_steps))
            learns = self.step >= config.first_update
            cycle.learned = self._learn() if learns else {}
        metrics = dict(cycle.learned)
        if self.step // config.eval_every > before // config.eval_every:
            metrics |= self._evaluate()
        self._record(metrics)
        self.cycle = None
        if self.step // config.checkpoint_every > before // config.checkpoint_every:
            self.save()

    def _wait(self) -> None:
        """Leaves what takes long, if a signal waits for it."""
        if self._interrupt and self._interrupt.waits():
            raise Stopped

    def save(self) -> None:
        """Writes a checkpoint from which `restore` goes on as if never stopped."""
        state = {
            "config": self.config,
            "agent": self.agent.state(),
            "envs": try_pickle(self.envs),
            "rows": self.report.rows,
            **{name: getattr(self, name) for name in RESTORED},
        }
        try:
            write_checkpoint(
                self.report.folder / "checkpoints",
                self.step,
                state,
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
        self.agent.restore(state["agent"])
        for name in RESTORED:
            setattr(self, name, state[name])
        self.policy = self.agent.policy()
        if state["envs"] is not None:
            self.envs.close()
            self.envs = pickle.loads(state["envs"])
            return True
        self._begin_episodes()
        return False

    def _begin_episodes(self) -> None:
        """No step of an earlier episode waits for more."""
        parts = self.replay.store, self.nstep, self.returns, self.reward_scale
        for part in parts:
            if part is not None:
                part.begin_episodes()

    def kept_policy(self) -> Policy:
        """The policy that the final score is for."""
        if self.config.keep == "last" or self.best is None:
            return self.policy
        return self.best[1]

    def _collect(self, end: int) -> None:
        """Plays until step `end`, and checks what came in."""
        collected: list[Transitions] = []
        try:
            self._play(end, collected)
        finally:
            check_numbers(collected, self.config.env_id, self.step)

    def _play(self, end: int, collected: list[Transitions]) -> None:
        """Plays until step `end`, into the list and the replay."""
        while self.step < end:
            self._wait()
            epsilon = self.epsilon(self.step)
            actions = self.policy.explore(
                self.envs.observations, epsilon, self.generator
            )
            # Several environments may step past the end; the surplus is dropped.
            left = self.config.total_steps - self.step
            try:
                steps = self.envs.step(actions)
            except Exception as error:
                where = f"at step {self.step}"
                raise environment_error(self.config.env_id, where, error) from error
            collected.append(self._remember(steps.first(left)))
            finished = self.returns.push(steps)
            self.history.episodes += [(self.step, value) for value in finished]

    def _remember(self, steps: Steps) -> Transitions:
        """Counts steps, and puts into the replay what is complete with them."""
        kept = self.replay.store.put_away(steps, self.nstep.waiting)
        transitions = self.nstep.push(kept)
        self.replay.add(transitions)
        if self.seen is not None:
            self.seen.push(steps.next_observations)
        if self.reward_scale is not None:
            self.reward_scale.push(steps)
        self.step += steps.size
        return transitions

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
            # Drawn over the steps that the block learned from last, not in a heap.
            began = self.cycle.began if self.cycle else 0
            steps = np.linspace(began, self.step, updates, endpoint=False)
            # The log may be shorter than the block: then it holds the last ones.
            steps = steps[updates - len(clips["norm"]) :]
            self.history.clips.append(clips | {"step": steps})
            metrics["norm"] = float(np.median(clips["norm"]))
            metrics["threshold"] = float(np.median(clips["threshold"]))
            metrics["clip_fraction"] = float(clips["clipped"].mean())
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
            self._begin_episodes()
        mean = float(returns.mean())
        if self.best is None or mean >= self.best[0]:
            self.best = mean, self.policy
        self.history.evaluations.append((self.step, mean))
        return {"greedy_return": mean}

    def _tick(self, step: int, playing: int) -> None:
        self._wait()
        self.report.wait(step, playing)

    def _record(self, metrics: dict[str, float]) -> None:
        episodes = self.history.episodes
        if episodes:
            last = [value for _, value in episodes[-20:]]
            metrics["mean_return"] = float(np.mean(last))
        row = Row(
            step=self.step,
            updates=self.agent.updates,
            episodes=len(episodes),
            epsilon=self.epsilon(self.step),
            **metrics,
        )
        self.report.record(row)


def try_pickle(envs: Environments) -> bytes | None:
    """The environments as they are, None if theirs is a kind that cannot be kept."""
    try:
        return pickle.dumps(envs)
    except Exception:  # each kind of environment fails in a way of its own
        return None
