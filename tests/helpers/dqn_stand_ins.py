"""What stands in for an agent and for what it plays, where only the loop is tested."""

from types import SimpleNamespace

import gymnasium
import numpy as np

SMALL = dict(
    total_steps=100,
    learning_starts=30,
    train_every=10,
    updates_per_train=4,
    batch_size=8,
    replay_size=1000,
    eval_every=25,
    checkpoint_every=40,
)


class Seven(gymnasium.Env):
    """Episodes of seven steps, each of which pays its number."""

    observation_space = gymnasium.spaces.Box(0, 7, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)
    bad_step = None

    def _observation(self):
        return np.array([self.steps, 7 - self.steps], np.float32)

    def reset(self, *, seed=None, options=None):
        self.steps = 0
        return self._observation(), {}

    def step(self, action):
        self.steps += 1
        reward = np.nan if self.steps == self.bad_step else float(self.steps)
        return self._observation(), reward, self.steps == 7, False, {}


class IdleAgent:
    """Learns nothing, and notes all that it is asked."""

    def __init__(self, log, kept_norms=10**6):
        self.log, self.updates, self.blocks = log, 0, 0
        self.kept_norms, self.explored = kept_norms, []

    def policy(self):
        number = self.blocks

        def explore(observations, epsilon, generator):
            self.explored.append((number, epsilon))
            return np.zeros(len(observations), int)

        return SimpleNamespace(explore=explore)

    def update(self, batches, weights):
        count, size = batches.rewards.shape
        self.updates, self.blocks = self.updates + count, self.blocks + 1
        self.log.append("learn")
        losses = np.arange(count) + 0.5
        return SimpleNamespace(losses=losses, errors=np.ones((count, size)))

    def clip_history(self, since):
        norms = np.arange(since, self.updates, dtype=float)[-self.kept_norms :]
        return {"norm": norms, "threshold": norms / 2, "clipped": norms % 2}

    def state(self):
        return {}

    def restore(self, state):
        self.log.append("restore")
