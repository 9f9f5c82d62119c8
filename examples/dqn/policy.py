"""Acting without a dispatch into TensorFlow.

One forward pass of a small network takes NumPy about 10 microseconds, less than
it takes to call into TensorFlow at all. So the agent acts with a NumPy copy of
the online network, made anew after each block of updates.
"""

from collections.abc import Sequence

import numpy as np


class NumpyPolicy:
    """A copy of an MLP with ReLU between its layers.

    Args:
        weights: Kernel, bias, kernel, bias, ... as Keras lists them.
    """

    def __init__(self, weights: Sequence[np.ndarray]):
        self.weights = weights
        self._layers = list(zip(weights[0::2], weights[1::2]))
        self.num_actions = len(weights[-1])

    def q_values(self, observations: np.ndarray) -> np.ndarray:
        """Values of all actions, shape `(batch, actions)`."""
        values = np.asarray(observations, np.float32)
        for index, (kernel, bias) in enumerate(self._layers):
            if index:
                values = np.maximum(values, 0)
            values = values @ kernel + bias
        return values

    def greedy(self, observations: np.ndarray) -> np.ndarray:
        """The best action of each observation."""
        return self.q_values(observations).argmax(axis=-1)

    def explore(
        self, observations: np.ndarray, epsilon: float, generator: np.random.Generator
    ) -> np.ndarray:
        """As `greedy`, but each row is random with probability `epsilon`."""
        count = len(observations)
        actions = generator.integers(self.num_actions, size=count)
        greedy = generator.random(count) >= epsilon
        if greedy.any():
            actions[greedy] = self.greedy(observations[greedy])
        return actions
