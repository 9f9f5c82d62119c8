"""What learns: two networks and an optimizer, updated many times in one call."""

from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from examples.dqn.envs.images import sees_images
from examples.dqn.errors import ConfigError, RunError
from examples.dqn.networks.acting import Acting
from examples.dqn.networks.files import NetworkFiles
from examples.dqn.networks.making import make_network
from examples.dqn.networks.noisy import noise_of_updates
from examples.dqn.networks.normalization import set_moments
from examples.dqn.networks.policy import Policy
from examples.dqn.networks.weights import states_of_chance
from examples.dqn.optimizer import clip_history
from examples.dqn.own_optimizer import make_own_optimizer
from examples.dqn.parts import Parts
from examples.dqn.replay.transitions import Transitions
from examples.dqn.settings.config import Config
from examples.dqn.update_rule import UpdateRule, Updates


class Agent:
    """A DQN agent whose networks and optimizer live under one strategy.

    Args:
        observation_shape: Shape of one observation.
        num_actions: Actions to choose from.
        config: Everything else.
        strategy: Where to train.
        parts: What is not to be made of the configuration.
    """

    def __init__(
        self,
        observation_shape: tuple[int, ...],
        num_actions: int,
        config: Config,
        strategy: tf.distribute.Strategy,
        parts: Parts = Parts(),  # noqa: B008 (it never changes)
    ):
        self.config = config
        self.strategy = strategy
        self._make = partial(
            make_network, parts.network, observation_shape, num_actions, config
        )
        with strategy.scope():
            self.online, self.target = self._make("online"), self._make("target")
            self.optimizer = make_own_optimizer(parts, config)
            self.optimizer.build(self.online.trainable_variables)
            # Only so that the optimizer is saved with the network.
            self.online.compile(self.optimizer)
        # Own functions may draw other weights each time.
        self.target.set_weights(self.online.get_weights())
        self._acting = Acting(self.online, config, partial(self._make, "actor"))
        self._files = NetworkFiles(partial(self._make, "policy"), config)
        self._rule = UpdateRule(
            self.online, self.target, self.optimizer, config, strategy
        )
        # XLA fuses the many small operations of an update, but cannot compile
        # the sum over replicas, and its convolutions take a CPU five times longer.
        on_gpu = bool(tf.config.list_logical_devices("GPU"))
        suits_xla = on_gpu or not sees_images(observation_shape)
        one_replica = strategy.num_replicas_in_sync == 1
        # Without AutoGraph, which would read all of Keras's code to find that there
        # is nothing to convert: half of the time of tracing.
        self._update = tf.function(
            self._rule.run,
            autograph=False,
            jit_compile=config.xla and one_replica and suits_xla,
        )

    def normalize_by(self, mean: np.ndarray, variance: np.ndarray) -> None:
        """Gives both networks the statistics of the observations so far."""
        for network in (self.online, self.target):
            set_moments(network, mean, variance)

    def policy(self) -> Policy:
        """The online network as it is now, for acting."""
        return self._acting.policy()

    def revive(self, policy: Policy) -> Policy:
        """Makes a policy that a checkpoint held act again."""
        return self._acting.revive(policy)

    def update(
        self, batches: Transitions, weights: np.ndarray | None = None
    ) -> Updates:
        """Runs one gradient step per batch, in one compiled call.

        Args:
            batches: Fields of shape `(updates, batch_size, ...)`.
            weights: How much each loss counts, shape `(updates, batch_size)`;
                None is 1 for each.

        Raises:
            RunError: If another process of the cluster was lost.
        """
        if weights is None:
            weights = np.ones(batches.rewards.shape, np.float32)
        noise = noise_of_updates(
            self._rule.noisy, self.config.seed, self.updates, len(weights)
        )
        arrays = tf.nest.map_structure(tf.convert_to_tensor, (batches, weights, noise))
        try:
            return Updates(*(found.numpy() for found in self._update(*arrays)))
        except tf.errors.OpError as error:
            if isinstance(self.strategy, tf.distribute.MultiWorkerMirroredStrategy):
                raise RunError(_lost(error)) from error
            raise

    @property
    def updates(self) -> int:
        """Gradient steps taken so far."""
        return int(keras.ops.convert_to_numpy(self.optimizer.iterations))

    def clip_history(self, since: int) -> dict[str, np.ndarray]:
        """What the clipper did after the first `since` updates."""
        return clip_history(self.optimizer, since)

    def state(self) -> dict[str, list[np.ndarray]]:
        """All that training changes: weights, slots and the clipper's history."""
        return {
            name: [keras.ops.convert_to_numpy(v).copy() for v in variables]
            for name, variables in self._variables().items()
        }

    def restore(self, state: dict[str, list[np.ndarray]]) -> None:
        """Puts everything back to what `state` returned."""
        for name, variables in self._variables().items():
            for variable, value in zip(variables, state[name], strict=True):
                variable.assign(value)

    def _variables(self) -> dict[str, list[Any]]:
        return {
            "online": self.online.weights,
            "target": self.target.weights,
            "chance": states_of_chance(self.online),
            "optimizer": self.optimizer.variables,
        }

    def begin_with(self, weights: list[np.ndarray]) -> None:
        """Takes weights of a network of its kind, before anything is learned.

        Raises:
            ConfigError: If they are those of another network.
        """
        shapes = [tuple(weight.shape) for weight in self.online.weights]
        if [weight.shape for weight in weights] != shapes:
            raise ConfigError(
                "init_from must be the folder of a run whose network has the same "
                "layers as this one. Received: weights of shapes "
                f"{', '.join(str(weight.shape) for weight in weights)}"
            )
        self.online.set_weights(weights)
        self.target.set_weights(weights)

    def write_policy(self, folder: Path, policy: Policy) -> None:
        """Writes the network alone, with the weights of a policy.

        Raises:
            RunError: If the disk fails.
        """
        self._files.write_policy(folder, policy)

    def save(self, folder: Path, policy: Policy) -> None:
        """Writes the policy to keep, and what is needed to go on training.

        Args:
            folder: Where the files go.
            policy: An earlier or the present state of the online network.
        """
        self.write_policy(folder, policy)
        self._files.write(self.online, folder / "online.keras")
        self.target.save_weights(folder / "target.weights.h5")


def _lost(error: Exception) -> str:
    reason = " ".join(str(error).split())[:200]
    return f"another worker was lost, --resume goes on without it ({reason})"
