"""Environments whose every reported step is one that the agent really took."""

from collections.abc import Callable, Sequence

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from examples.dqn.config import Config, ConfigError
from examples.dqn.replay import Transitions


def make_env(env_id: str) -> gymnasium.Env:
    """One environment.

    Raises:
        ConfigError: If Gymnasium cannot make it, or the agent cannot play it.
    """
    try:
        # The checker costs a third of a CartPole step, and finds nothing here.
        env = gymnasium.make(env_id, disable_env_checker=True)
    except Exception as error:  # any environment may fail in its own way
        reason = " ".join(str(error).split())
        raise ConfigError(
            "env_id must name an environment that Gymnasium can make "
            f"({reason}) Received: env_id={env_id!r}"
        ) from error
    if not isinstance(env.action_space, gymnasium.spaces.Discrete):
        raise ConfigError(
            "env_id must name an environment with Discrete actions. "
            f"Received: env_id={env_id!r} with {env.action_space}"
        )
    observations = env.observation_space
    if (
        not isinstance(observations, gymnasium.spaces.Box)
        or len(observations.shape) != 1
    ):
        raise ConfigError(
            "env_id must name an environment with a flat Box observation. "
            f"Received: env_id={env_id!r} with {observations}"
        )
    return env


class Environments:
    """Several environments stepped together.

    Gymnasium's next-step autoreset spends one call per episode on the reset: its
    action is ignored and its row joins the end of one episode to the start of the
    next. Such rows are dropped here, so what `step` returns is fit for the replay.

    Args:
        makers: One function per environment.
        seed: Environment `i` is seeded with `seed + i`, once.
        gamma: Discount per step.
    """

    def __init__(
        self, makers: Sequence[Callable[[], gymnasium.Env]], seed: int, gamma: float
    ):
        # The mode is explicit because Gymnasium's default has changed before.
        self._envs = SyncVectorEnv(makers, autoreset_mode=AutoresetMode.NEXT_STEP)
        self._gamma = np.float32(gamma)
        # Discrete spaces may start elsewhere than at 0; networks count from 0.
        self._first_action = self._envs.single_action_space.start
        self._resetting = np.zeros(len(makers), bool)
        self._returns = np.zeros(len(makers))
        self.finished_returns: list[float] = []
        """Undiscounted return of each finished episode, in order."""
        self.observations, _ = self._envs.reset(seed=seed)

    @property
    def observation_shape(self) -> tuple[int, ...]:
        return self._envs.single_observation_space.shape

    @property
    def num_actions(self) -> int:
        return int(self._envs.single_action_space.n)

    def step(self, actions: np.ndarray) -> Transitions:
        """Steps all environments.

        Args:
            actions: One action per environment, counted from 0.

        Returns:
            The transitions of those environments that were not just reset.
        """
        before, real = self.observations, ~self._resetting
        after, rewards, terminated, truncated, _ = self._envs.step(
            actions + self._first_action
        )
        self.observations = after
        self._resetting = terminated | truncated
        self._count_returns(rewards)
        discounts = np.where(terminated, np.float32(0), self._gamma)
        transitions = Transitions(before, actions, rewards, discounts, after)
        if real.all():
            return transitions
        return Transitions(*(field[real] for field in transitions))

    def _count_returns(self, rewards: np.ndarray) -> None:
        # Counted here because Gymnasium's own statistics differ between its
        # versions and autoreset modes. A reset row has reward 0 and harms nothing.
        self._returns += rewards
        if self._resetting.any():
            self.finished_returns += self._returns[self._resetting].tolist()
            self._returns[self._resetting] = 0

    def close(self) -> None:
        self._envs.close()


def make_environments(config: Config, seed: int) -> Environments:
    """The training environments of a configuration."""
    makers = [lambda: make_env(config.env_id)] * config.num_envs
    return Environments(makers, seed, config.gamma)
