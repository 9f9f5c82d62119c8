"""One half of the loop: playing with exploration, and remembering what came in."""

import numpy as np

from examples.dqn.envs.environments import Environments, Steps
from examples.dqn.envs.images import sees_images
from examples.dqn.envs.moments import Moments, RewardScale
from examples.dqn.envs.returns import Returns
from examples.dqn.errors import Stopped, environment_error
from examples.dqn.finite import check_numbers
from examples.dqn.networks.policy import Policy
from examples.dqn.parts import Parts
from examples.dqn.replay.making import make_replay
from examples.dqn.replay.nstep import NStep
from examples.dqn.replay.transitions import Transitions
from examples.dqn.runs.history import History
from examples.dqn.runs.interrupt import Interrupt
from examples.dqn.schedules import make_schedule
from examples.dqn.settings.config import Config


class Player:
    """Plays, and fills the replay.

    Args:
        config: How, and how much is remembered.
        envs: Played with exploration.
        policy: What to play with; whoever learns puts better ones in its place.
        generator: Source of exploration.
        parts: What is not to be made of the configuration.
    """

    def __init__(
        self,
        config: Config,
        envs: Environments,
        policy: Policy,
        generator: np.random.Generator,
        parts: Parts,
    ):
        self.config = config
        self.envs = envs
        self.policy = policy
        self.generator = generator
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
        self.epsilon = make_schedule(parts.epsilon, config)
        self.history = History()
        self.step = 0
        self._interrupt: Interrupt | None = None

    def begin_episodes(self) -> None:
        """Is told that all environments begin anew: no earlier step waits for more."""
        parts = self.replay.store, self.nstep, self.returns, self.reward_scale
        for part in parts:
            if part is not None:
                part.begin_episodes()

    def _wait(self) -> None:
        """Leaves what takes long, if a signal waits for it."""
        if self._interrupt and self._interrupt.waits():
            raise Stopped

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
