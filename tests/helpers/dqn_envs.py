"""Environments for the tests of the DQN example, and what playing them must give."""

import gymnasium
import numpy as np


class Numbered(gymnasium.Env):
    """Each image tells the environment's seed, its episode and its step.

    Episodes last as many steps as their number and the seed say, from 2 to 5; every
    other one is truncated. Actions start at 3; each step pays the action.
    """

    action_space = gymnasium.spaces.Discrete(4, start=3)
    name = None

    def __init__(self, shape=(2, 3, 1)):
        self.observation_space = gymnasium.spaces.Box(0, 255, shape, np.uint8)
        self.episode = -1

    def _observation(self):
        value = 100 * (self.name % 2) + 10 * (self.episode % 9) + self.steps + 1
        return np.full(self.observation_space.shape, value, np.uint8)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        if seed is not None:
            self.name, self.episode = seed, -1
        self.episode, self.steps = self.episode + 1, 0
        return self._observation(), {}

    def step(self, action):
        assert action in self.action_space
        self.steps += 1
        ended = self.steps >= 2 + (self.name + self.episode) % 4
        truncates = self.episode % 2 == 1
        outcome = ended and not truncates, ended and truncates
        return self._observation(), float(action), *outcome, {}


def play(envs, calls, generator):
    """The steps that environments report, and what was seen before each."""
    seen, played = [], []
    for _ in range(calls):
        seen.append(envs.observations.copy())
        actions = generator.integers(envs.num_actions, size=len(envs.observations))
        played.append(envs.step(actions))
    return seen, played


def assert_as_alone(played, make, seeds):
    """Each environment has done what it does alone, reset once with its seed.

    Returns:
        How many episodes have ended.
    """
    ends = 0
    for number, seed in enumerate(seeds):
        env = make()
        before, _ = env.reset(seed=seed)
        for steps in played:
            for row in np.flatnonzero(steps.environments == number):
                found = [field[row] for field in steps]
                action = found[1] + env.action_space.start
                after, reward, terminated, truncated, _ = env.step(action)
                expected = [before, found[1], reward, terminated, truncated, after]
                for one, other in zip(found, [*expected, number], strict=True):
                    np.testing.assert_array_equal(one, other)
                before = after
                if terminated or truncated:
                    before, _ = env.reset()
                    ends += 1
        env.close()
    return ends
