"""Gymnasium's vector environments, made to report real steps alone."""

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv

from examples.dqn.envs.environments import Steps
from examples.dqn.envs.images import frame_shape


class VectorEnvironments:
    """A vector environment of Gymnasium's, in any of its three reset modes.

    It pays where an environment has a vector form of its own, or is slow enough
    for processes of its own (`async`).

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
        is_image = frame_shape(envs.single_observation_space) is not None
        self.observations: np.ndarray
        self._dtype = np.dtype(np.uint8 if is_image else np.float32)
        self._resetting = np.zeros(envs.num_envs, bool)
        self.begin(seed)

    @property
    def observation_space(self) -> gymnasium.spaces.Box:
        """What one of them observes."""
        return self._envs.single_observation_space

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
        after = self._cast(after)
        ended = terminated | truncated
        self.observations = after
        if self._mode == AutoresetMode.NEXT_STEP:
            self._resetting = ended
        elif ended.any():
            if self._mode == AutoresetMode.SAME_STEP:
                after = after.copy()
                after[ended] = np.stack(infos["final_obs"][ended])
            else:
                options = {"reset_mask": ended.copy()}
                self.observations = self._cast(self._envs.reset(options=options)[0])
        steps = Steps(
            before, actions, rewards, terminated, truncated, after, self._numbers
        )
        if not was_resetting.any():
            return steps
        return Steps(*(field[~was_resetting] for field in steps))

    def _cast(self, observations: np.ndarray) -> np.ndarray:
        """As single environments give them; some vector forms give float64."""
        # What it cannot hold becomes infinite, which is refused where it is learned.
        with np.errstate(over="ignore"):
            return observations.astype(self._dtype, copy=False)

    @property
    def first(self) -> gymnasium.Env:
        raise TypeError("environments that Gymnasium steps are not lent.")

    def begin(self, seed: int) -> None:
        """Begins new episodes; environment `i` is seeded with `seed + i`."""
        self._resetting[:] = False
        self.observations = self._cast(self._envs.reset(seed=seed)[0])

    def close(self) -> None:
        self._envs.close()
