"""Gradient steps of DQN: targets, losses, and a target network that follows."""

from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from examples.dqn.losses import (
    advantage_lost,
    huber,
    quantile_huber,
    squared,
    td_targets,
    value_of,
)
from examples.dqn.networks.noisy import noisy_layers, spread_noise
from examples.dqn.networks.weights import moving_weights
from examples.dqn.replay.transitions import Transitions
from examples.dqn.settings.config import Config

Tensor = Any


class Updates(NamedTuple):
    """What a block of updates found."""

    losses: np.ndarray
    """Loss of each update, shape `(updates,)`."""
    errors: np.ndarray
    """TD error of each transition before its update, `(updates, batch_size)`."""


class UpdateRule:
    """Many gradient steps at once, as one function to be compiled.

    Args:
        online: What learns.
        target: What values the next observations; it follows.
        optimizer: Built for the online network.
        config: Everything else.
        strategy: Whose replicas share each batch.
    """

    def __init__(
        self,
        online: keras.Model,
        target: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        config: Config,
        strategy: tf.distribute.Strategy,
    ):
        self.online, self.target = online, target
        self.optimizer = optimizer
        self.config = config
        self.strategy = strategy
        self.noisy = noisy_layers(online, target)
        # What noise is for is wanted in targets too; dropout and the like are not.
        self._excited = bool(self.noisy)
        self._moving = moving_weights(target, online)

    def run(self, batches: Transitions, weights: Tensor, noise: Tensor) -> Updates:
        """Runs one gradient step per batch, and moves the target when it is due.

        Args:
            batches: Fields of shape `(updates, batch_size, ...)`.
            weights: How much each loss counts, shape `(updates, batch_size)`.
            noise: Of all noisy layers, shape `(updates, numbers)`.
        """
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
            spread_noise(self.noisy, noise[index])
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
