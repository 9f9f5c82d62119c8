"""Environments whose every reported step is one that the agent really took."""

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv

from examples.dqn.config import Config, ConfigError
from examples.dqn.nstep import Steps


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
    """Several environments stepped together, in any of Gymnasium's three ways.

    What `step` returns is the same under each autoreset mode. Next-step spends one
    call per episode on the reset: its action is ignored and its row joins the end
    of one episode to the start of the next, so it is dropped. Same-step hides the
    last observation of an episode in `infos`, where it is fetched from. Disabled
    leaves the reset to us.

    Args:
        envs: What to step.
        seed: Environment `i` is seeded with `seed + i`, once.
    """

    def __init__(self, envs: VectorEnv, seed: int):
        self._envs = envs
        self._mode = envs.metadata["autoreset_mode"]
        # Discrete spaces may start elsewhere than at 0; networks count from 0.
        self._first_action = envs.single_action_space.start
        self._numbers = np.arange(envs.num_envs)
        self._resetting = np.zeros(envs.num_envs, bool)
        self._returns = np.zeros(envs.num_envs)
        self.finished_returns: list[float] = []
        """Undiscounted return of each finished episode, in order."""
        self.observations, _ = envs.reset(seed=seed)

    @property
    def observation_shape(self) -> tuple[int, ...]:
        return self._envs.single_observation_space.shape

    @property
    def num_actions(self) -> int:
        return int(self._envs.single_action_space.n)

    def step(self, actions: np.ndarray) -> Steps:
        """Steps all environments.

        Args:
            actions: One action per environment, counted from 0.

        Returns:
            The steps of those environments that were not just reset.
        """
        before, was_resetting = self.observations, self._resetting
        after, rewards, terminated, truncated, infos = self._envs.step(
            actions + self._first_action
        )
        ended = terminated | truncated
        self._count_returns(rewards, ended)
        self.observations = after
        if self._mode == AutoresetMode.NEXT_STEP:
            self._resetting = ended
        elif ended.any():
            if self._mode == AutoresetMode.SAME_STEP:
                after = after.copy()
                after[ended] = np.stack(infos["final_obs"][ended])
            else:
                options = {"reset_mask": ended.copy()}
                self.observations, _ = self._envs.reset(options=options)
        steps = Steps(
            before, actions, rewards, terminated, truncated, after, self._numbers
        )
        if not was_resetting.any():
            return steps
        return Steps(*(field[~was_resetting] for field in steps))

    def _count_returns(self, rewards: np.ndarray, ended: np.ndarray) -> None:
        # Counted here because Gymnasium's own statistics differ between its
        # versions and autoreset modes. A reset row has reward 0 and harms nothing.
        self._returns += rewards
        if ended.any():
            self.finished_returns += self._returns[ended].tolist()
            self._returns[ended] = 0

    def close(self) -> None:
        self._envs.close()


def make_environments(config: Config, seed: int) -> Environments:
    """The training environments of a configuration."""
    makers = [lambda: make_env(config.env_id)] * config.num_envs
    # The mode is explicit because Gymnasium's default has changed before.
    return Environments(
        SyncVectorEnv(makers, autoreset_mode=AutoresetMode.NEXT_STEP), seed
    )
