"""The learning rule: two networks, and many updates in one call."""

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from examples.dqn.envs.images import sees_images
from examples.dqn.errors import ConfigError, RunError
from examples.dqn.losses import (
    advantage_lost,
    huber,
    quantile_huber,
    squared,
    td_targets,
    value_of,
)
from examples.dqn.networks.acting import Acting
from examples.dqn.networks.files import NetworkFiles
from examples.dqn.networks.making import make_network
from examples.dqn.networks.noisy import noise_of_updates, noisy_layers, spread_noise
from examples.dqn.networks.normalization import set_moments
from examples.dqn.networks.policy import Policy
from examples.dqn.networks.weights import moving_weights, states_of_chance
from examples.dqn.optimizer import clip_history
from examples.dqn.own_optimizer import make_own_optimizer
from examples.dqn.parts import Parts
from examples.dqn.replay.transitions import Transitions
from examples.dqn.settings.config import Config

Tensor = Any


class Updates(NamedTuple):
    """What a block of updates found."""

    losses: np.ndarray
    """Loss of each update, shape `(updates,)`."""
    errors: np.ndarray
    """TD error of each transition before its update, `(updates, batch_size)`."""


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
        self._noisy = noisy_layers(self.online, self.target)
        # What noise is for is wanted in targets too; dropout and the like are not.
        self._excited = bool(self._noisy)
        self._moving = moving_weights(self.target, self.online)
        # XLA fuses the many small operations of an update, but cannot compile
        # the sum over replicas, and its convolutions take a CPU five times longer.
        on_gpu = bool(tf.config.list_logical_devices("GPU"))
        suits_xla = on_gpu or not sees_images(observation_shape)
        one_replica = strategy.num_replicas_in_sync == 1
        # Without AutoGraph, which would read all of Keras's code to find that there
        # is nothing to convert: half of the time of tracing.
        self._update = tf.function(
            self._run_updates,
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
            self._noisy, self.config.seed, self.updates, len(weights)
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

    def _run_updates(
        self, batches: Transitions, weights: Tensor, noise: Tensor
    ) -> Updates:
        # Cross-replica context: the loop is out here and `strategy.run` inside
        # it, since replicas cannot meet inside a loop of their own.
        updates = batches.rewards.shape[0]
        # A target that moves at most once per call is worth one product for all
        # batches; one that moves in between must be asked again and again.
        target_is_fixed = self.config.target_period % updates == 0 and not self._excited
        if target_is_fixed:
            values_of_all = [
                _merge_axes(self.target, part) for part in self._asked(batches)
            ]

        def update(index: Tensor, losses: Any, errors: Any) -> tuple[Any, ...]:
            spread_noise(self._noisy, noise[index])
            batch, weight = tf.nest.map_structure(
                lambda field: field[index], (batches, weights)
            )
            if target_is_fixed:
                values = [part[index] for part in values_of_all]
            else:
                values = [
                    self.target(part, training=self._excited)
                    for part in self._asked(batch)
                ]
            found = self.strategy.run(self._update_once, args=(batch, values, weight))
            loss, error = (self.strategy.reduce("SUM", part, None) for part in found)
            if not target_is_fixed:
                self._move_target()
            return index + 1, losses.write(index, loss), errors.write(index, error)

        found = (tf.TensorArray(tf.float32, size=updates) for _ in range(2))
        _, losses, errors = tf.while_loop(
            lambda index, *_: index < updates, update, (tf.constant(0), *found)
        )
        if target_is_fixed:
            self._move_target()
        return Updates(losses.stack(), errors.stack())

    def _asked(self, batch: Transitions) -> list[Tensor]:
        """The observations whose values the target network is asked for."""
        if self.config.advantage_learning:
            return [batch.next_observations, batch.observations]
        return [batch.next_observations]

    def _update_once(
        self, batch: Transitions, target_values: list[Tensor], weights: Tensor
    ) -> tuple[Tensor, Tensor]:
        """One gradient step on this replica's share of the batch."""
        rows = _rows_of_replica(self.config.batch_size)
        batch, target_values, weights = tf.nest.map_structure(
            lambda field: field[rows], (batch, target_values, weights)
        )
        targets = self._targets(batch, *target_values)
        variables = self.online.trainable_variables
        with tf.GradientTape() as tape:
            q_values = self.online(batch.observations, training=True)
            values = value_of(q_values, batch.actions)
            losses = weights * self._losses(targets, values)
            # Over the global batch, so that the sum over replicas is the mean.
            loss = keras.ops.sum(losses) / self.config.batch_size
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        self.optimizer.apply(gradients, variables)
        errors = _mean_over_quantiles(targets - values)
        # In the place of its rows, so that the sum over replicas joins them.
        after = self.config.batch_size - rows.stop
        return loss, tf.pad(errors, [[rows.start, after]])

    def _targets(
        self, batch: Transitions, q_next: Tensor, q_now: Tensor | None = None
    ) -> Tensor:
        """What the values of the actions taken should have been."""
        q_select = None
        if self.config.double:
            q_select = self.online(batch.next_observations, training=self._excited)
        rewards = batch.rewards
        if q_now is not None:
            lost = advantage_lost(q_now, batch.actions)
            rewards -= self.config.advantage_learning * lost
        return td_targets(rewards, batch.discounts, q_next, q_select)

    def _losses(self, targets: Tensor, values: Tensor) -> Tensor:
        """The loss of each transition, shape `(batch,)`."""
        delta = self.config.huber_delta
        if self.config.distributional:
            return quantile_huber(targets, values, delta)
        errors = targets - values
        return squared(errors) if self.config.loss == "mse" else huber(errors, delta)

    def _move_target(self) -> None:
        """Moves the target towards the online network, if its time has come."""
        due = self.optimizer.iterations.value % self.config.target_period == 0
        rate = tf.where(due, self.config.target_rate, 0.0)
        for target, online in self._moving:
            target.assign(rate * online.value + (1 - rate) * target.value)


def _merge_axes(network: keras.Model, observations: Tensor) -> Tensor:
    """Calls a network on `(updates, batch_size, ...)` as on one large batch."""
    updates, batch_size, *shape = observations.shape
    values = network(tf.reshape(observations, (updates * batch_size, *shape)))
    return tf.reshape(values, (updates, batch_size, *values.shape[1:]))


def _mean_over_quantiles(errors: Tensor) -> Tensor:
    return errors if errors.ndim == 1 else keras.ops.mean(errors, axis=-1)


def _rows_of_replica(batch_size: int) -> slice:
    """This replica's rows of a tensor that holds the global batch."""
    replica = tf.distribute.get_replica_context()
    rows = batch_size // replica.num_replicas_in_sync
    # A static number on every replica, since each is traced on its own.
    start = int(tf.get_static_value(replica.replica_id_in_sync_group) or 0) * rows
    return slice(start, start + rows)


def _lost(error: Exception) -> str:
    reason = " ".join(str(error).split())[:200]
    return f"another worker was lost, --resume goes on without it ({reason})"
