"""The loop: collect environment steps, learn from the replay, repeat."""

import pickle
from typing import Any

import numpy as np

from examples.dqn.agent import Agent
from examples.dqn.envs.environments import Environments, Steps
from examples.dqn.envs.returns import Returns
from examples.dqn.errors import RunError, environment_error
from examples.dqn.evaluate import evaluate
from examples.dqn.listeners import Listeners
from examples.dqn.networks.policy import Policy
from examples.dqn.parts import Parts
from examples.dqn.replay.making import make_replay
from examples.dqn.replay.nstep import NStep
from examples.dqn.replay.transitions import Transitions
from examples.dqn.runs.checkpoint import write_checkpoint
from examples.dqn.runs.history import History
from examples.dqn.runs.interrupt import Interrupt
from examples.dqn.runs.report import Report, Row
from examples.dqn.schedules import make_schedule
from examples.dqn.settings.config import Config

# What a checkpoint holds of a trainer as it is.
RESTORED = ("step", "replay", "nstep", "returns", "generator", "history", "best")
# Of these, what is left out where checkpoints are without the replay.
OF_THE_REPLAY = ("replay", "nstep")


class Trainer:
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
        self.config = config
        self.parts = parts
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
        self.epsilon = make_schedule(parts.epsilon, config)
        self.policy = agent.policy()
        self.best: tuple[float, Policy] | None = None
        self.history = History()
        self.step = 0
        # A replay that no checkpoint holds fills again before it is learned from.
        self.learns_from = config.learning_starts
        self.told: Listeners | None = None
        """Who is told, None where nobody is."""

    def run(self, interrupt: Interrupt | None = None) -> History:
        """Trains for `total_steps` environment steps, or until interrupted.

        Raises:
            RunError: If the environments or the disk fail; what was saved last
                can be resumed.
        """
        config = self.config
        if not self.step:
            self.save()
        while self.step < config.total_steps and not (interrupt and interrupt.name):
            if self.stopped:
                break
            before = self.step
            self._collect(min(before + config.train_every, config.total_steps))
            metrics: dict[str, float] = {}
            if self.step >= self.learns_from:
                metrics |= self._learn()
            if self.step // config.eval_every > before // config.eval_every:
                metrics |= self._evaluate()
            self._record(metrics)
            self._tell("greedy_return" in metrics)
            if self.step // config.checkpoint_every > before // config.checkpoint_every:
                self.save()
        self.save()
        return self.history

    @property
    def stopped(self) -> str | None:
        """Why a callback has ended the run, None if none has."""
        return self.told.moment.stopped if self.told else None

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
        state = {
            "config": self.config,
            "agent": self.agent.state(),
            "envs": try_pickle(self.envs),
            "rows": self.report.rows,
            "parts": self.parts.names,
            "told": self.told.state() if self.told else [],
            **{name: getattr(self, name) for name in RESTORED},
        }
        if not self.config.checkpoint_replay:
            for name in OF_THE_REPLAY:
                state.pop(name)
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
            if name in state:
                setattr(self, name, state[name])
        if "replay" not in state:
            self.learns_from = self.step + self.config.learning_starts
        self.policy = self.agent.policy()
        if self.best is not None:
            self.best = self.best[0], self.agent.revive(self.best[1])
        if self.told:
            self.told.restore(state["told"])
        if state["envs"] is not None:
            self.envs.close()
            self.envs = pickle.loads(state["envs"])
            return True
        # The environments are new, so no step of theirs waits for more.
        for part in (self.replay.store, self.nstep, self.returns):
            part.begin_episodes()
        return False

    def kept_policy(self) -> Policy:
        """The policy that the final score is for."""
        if self.config.keep == "last" or self.best is None:
            return self.policy
        return self.best[1]

    def _collect(self, end: int) -> None:
        """Plays until step `end`, and checks what came in."""
        collected = []
        while self.step < end:
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
        self._check_numbers(collected)

    def _remember(self, steps: Steps) -> Transitions:
        """Counts steps, and puts into the replay what is complete with them."""
        kept = self.replay.store.put_away(steps, self.nstep.waiting)
        transitions = self.nstep.push(kept)
        self.replay.add(transitions)
        self.step += steps.size
        return transitions

    def _check_numbers(self, collected: list[Transitions]) -> None:
        """Refuses what no agent can learn from, before any of it is learned."""
        # Once for all: a check of each step would cost as much as the step.
        for name, parts in zip(Transitions._fields, zip(*collected)):
            if not np.isfinite(np.concatenate(parts)).all():
                raise RunError(
                    f"{self.config.env_id} gives {name.replace('_', ' ')} that are "
                    f"not finite, at or before step {self.step}"
                )

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
        if self.best is None or mean >= self.best[0]:
            self.best = mean, self.policy
        self.history.evaluations.append((self.step, mean))
        return {"greedy_return": mean}

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
