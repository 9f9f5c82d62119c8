"""An environment as the agent wants it, made of one as people write them."""

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from examples.dqn.envs.declared import FLOAT32, as_declared, cast, number
from examples.dqn.envs.images import ChannelsLast
from examples.dqn.errors import ConfigError, Undeclared

LARGEST = float(np.finfo(np.float32).max)


class PlainNumbers(gymnasium.Wrapper):
    """Observes vectors of float32 or images of bytes, whatever the environment does.

    Observations are cast to what their space declares. Those that are no images are
    then flattened by Gymnasium: one-hot rows for `Discrete`, the parts one after
    the other for `Dict` and `Tuple`. Rewards and flags may be numbers of any kind;
    actions reach the environment as Python integers. What is not as declared is
    told by the method that gave it.

    Args:
        env: An environment whose observations Gymnasium can flatten.
        images: The setting of this name.
        masked: Whether observations end with `info["action_mask"]`.
    """

    def __init__(self, env: gymnasium.Env, images: str = "auto", masked: bool = False):
        super().__init__(env)
        self._masked = masked
        declared = env.observation_space
        self._declared = declared
        self._layout = ChannelsLast(declared, images)
        if self._layout.shape is not None:
            space = spaces.Box(0, 255, self._layout.shape, np.uint8)
        else:
            space = spaces.utils.flatten_space(declared)
            if not isinstance(space, spaces.Box):
                raise TypeError(f"Gymnasium makes no vectors of {declared}.")
            if len(declared.shape or ()) == 1 and declared.dtype == FLOAT32:
                space = declared
            elif space.dtype != FLOAT32:
                # No bounds: nobody asks for them, and some float32 cannot hold.
                space = spaces.Box(-np.inf, np.inf, space.shape, FLOAT32)
        self._shape, self._dtype = space.shape, space.dtype
        if masked:
            if self._layout.shape is not None:
                raise ConfigError(
                    "action_mask must be 'off' where observations are images. "
                    "Received: action_mask='on'"
                )
            length = self._shape[0] + int(env.action_space.n)
            space = spaces.Box(-np.inf, np.inf, (length,), FLOAT32)
        self.observation_space = space
        # The usual case, in which there is nothing to do.
        self._is_plain = isinstance(declared, spaces.Box) and (
            (declared.shape, declared.dtype) == (self._shape, self._dtype)
            and not self._layout.moves
        )

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begins an episode."""
        given = self.env.reset(seed=seed, options=options)
        # What older versions of Gym gave is an observation alone.
        if (
            not isinstance(given, (tuple, list))
            or len(given) != 2
            or not isinstance(given[1], Mapping)
        ):
            raise Undeclared(
                f"reset gave a {type(given).__name__}, not (observation, info)"
            )
        observation, info = given
        return self._observation(observation, info, "reset"), dict(info)

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Takes one step."""
        given = self.env.step(int(action))
        if not isinstance(given, (tuple, list)) or len(given) != 5:
            count = f" of {len(given)}" if isinstance(given, (tuple, list)) else ""
            raise Undeclared(
                f"step gave a {type(given).__name__}{count}, not (observation, reward, "
                "terminated, truncated, info)"
            )
        observation, reward, terminated, truncated, info = given
        if isinstance(reward, float):  # NumPy's float64 as well
            reward = float(reward)
        else:
            reward = number(reward, "step gave a reward")
        if not -LARGEST <= reward <= LARGEST:
            raise Undeclared(
                f"step gives rewards that are not finite in float32: {reward:g}"
            )
        if type(terminated) is not bool:
            terminated = bool(number(terminated, "step gave a flag terminated"))
        if type(truncated) is not bool:
            truncated = bool(number(truncated, "step gave a flag truncated"))
        observation = self._observation(observation, info, "step")
        return observation, reward, terminated, truncated, info

    def _observation(
        self, value: Any, info: Mapping[str, Any], method: str
    ) -> np.ndarray:
        if not self._masked:
            return self._unmasked(value, method)
        mask = self._mask(info, method)
        return np.concatenate([self._unmasked(value, method), mask])

    def _mask(self, info: Mapping[str, Any], method: str) -> np.ndarray:
        """What is allowed, as float32."""
        if "action_mask" not in info:
            raise Undeclared(
                f"{method} gave no action_mask in its info, as it did before"
            )
        count = int(self.env.action_space.n)
        allowed = np.asarray(info["action_mask"])
        if allowed.shape != (count,):
            raise Undeclared(
                f"{method} gave an action_mask of shape {allowed.shape}, not {(count,)}"
            )
        # Where nothing is, as after an end, there is nothing to choose.
        mask = (allowed > 0).astype(FLOAT32)
        return mask if mask.any() else np.ones(count, FLOAT32)

    def _unmasked(self, value: Any, method: str) -> np.ndarray:
        if (
            self._is_plain
            and type(value) is np.ndarray
            and value.dtype == self._dtype
            and value.shape == self._shape
        ):
            return value
        name = f"{method} gave an observation"
        value = as_declared(self._declared, value, name)
        if self._layout.shape is not None:
            return self._layout(value)
        flat = spaces.utils.flatten(self._declared, value)
        return cast(flat, self._dtype, name)
