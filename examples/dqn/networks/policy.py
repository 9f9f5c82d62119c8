"""How a network is acted with: greedily, or with exploration."""

import numpy as np


class Policy:
    """What the two kinds of policy share: greedy and epsilon-greedy actions."""

    weights: list[np.ndarray]
    """Those of the network, in its order."""

    num_actions: int
    """Actions to choose from."""

    masked: bool = False
    """Whether observations end with a mask of the actions that are allowed."""

    frame_stack: int | None = None
    """Images that it sees at once; None if it sees single observations."""

    def q_values(self, observations: np.ndarray) -> np.ndarray:
        """Values of all actions, shape `(batch, actions)`."""
        raise NotImplementedError

    def noisy_q_values(
        self, observations: np.ndarray, generator: np.random.Generator
    ) -> np.ndarray:
        """As `q_values`; a noisy network is given one draw of noise for all rows."""
        raise NotImplementedError

    def greedy(self, observations: np.ndarray) -> np.ndarray:
        """The best action of each observation."""
        return self.q_values(observations).argmax(axis=-1)

    def explore(
        self, observations: np.ndarray, epsilon: float, generator: np.random.Generator
    ) -> np.ndarray:
        """As `greedy`, with noise, and each row is random with chance `epsilon`."""
        count = len(observations)
        actions = self.random(observations, generator)
        greedy = generator.random(count) >= epsilon
        if greedy.any():
            values = self.noisy_q_values(observations[greedy], generator)
            actions[greedy] = values.argmax(axis=-1)
        return actions

    def random(
        self, observations: np.ndarray, generator: np.random.Generator
    ) -> np.ndarray:
        """Any action that is allowed, for each observation."""
        if self.masked:
            mask = mask_of(observations, self.num_actions)
            return random_allowed(mask, generator)
        return generator.integers(self.num_actions, size=len(observations))


def mask_of(observations: np.ndarray, num_actions: int) -> np.ndarray:
    """Where actions are allowed: the end of observations that say so."""
    return observations[..., -num_actions:]


def random_allowed(mask: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """One allowed action per row, each with the same chance."""
    return np.where(mask > 0, generator.random(mask.shape), -1.0).argmax(axis=-1)


def draw_noise(generator: np.random.Generator, size: int) -> np.ndarray:
    """`sign(x) * sqrt(|x|)` of as many standard normal numbers x."""
    normal = generator.standard_normal(size, np.float32)
    return np.sign(normal) * np.sqrt(np.abs(normal))
