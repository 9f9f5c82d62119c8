"""The learning rule: two networks, the TD loss, and many updates in one call."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from examples.dqn.config import Config
from examples.dqn.network import build_q_network
from examples.dqn.optimizer import clip_history, make_optimizer
from examples.dqn.policy import NumpyPolicy
from examples.dqn.replay import Transitions

Tensor = Any


def td_targets(
    rewards: Tensor, discounts: Tensor, q_next: Tensor, q_select: Tensor | None = None
) -> Tensor:
    """What the value of the action taken should have been.

    DQN: `reward + discount * max_a q_next[a]`. Double DQN lets `q_select` choose
    the action: `reward + discount * q_next[argmax_a q_select[a]]`.

    Args:
        rewards: Shape `(batch,)`.
        discounts: Shape `(batch,)`; 0 where the episode terminated.
        q_next: Target network's values of the next observations,
            shape `(batch, actions)`.
        q_select: Online network's values of the same, for Double DQN.

    References:
        Mnih et al., Human-level control through deep reinforcement learning, 2015.
        van Hasselt et al., Deep Reinforcement Learning with Double Q-learning,
        2016. https://arxiv.org/abs/1509.06461
    """
    best = keras.ops.argmax(q_next if q_select is None else q_select, axis=-1)
    return rewards + discounts * value_of(q_next, best)


def value_of(q_values: Tensor, actions: Tensor) -> Tensor:
    """Value of one action per row, shape `(batch,)`."""
    # A product with one-hot rows, because a gather has a slow gradient on CPUs.
    chosen = keras.ops.one_hot(actions, q_values.shape[-1], dtype=q_values.dtype)
    return keras.ops.sum(q_values * chosen, axis=-1)


def huber(errors: Tensor, delta: float = 1.0) -> Tensor:
    """Half the square below `delta`, a line of slope `delta` above.

    Note:
        Its gradient is the error clipped to `[-delta, delta]`: a bound per
        transition, where the optimizer's clipper bounds the whole batch.
    """
    size = keras.ops.abs(errors)
    square = keras.ops.minimum(size, delta)
    return 0.5 * square**2 + delta * (size - square)


class Agent:
    """A DQN agent whose networks and optimizer live under one strategy.

    Args:
        observation_shape: Shape of one observation.
        num_actions: Actions to choose from.
        config: Everything else.
        strategy: Where to train.
    """

    def __init__(
        self,
        observation_shape: tuple[int, ...],
        num_actions: int,
        config: Config,
        strategy: tf.distribute.Strategy,
    ):
        self.config = config
        self.strategy = strategy
        with strategy.scope():
            self.online, self.target = (
                build_q_network(
                    observation_shape,
                    num_actions,
                    config.hidden_sizes,
                    config.seed,
                    name,
                )
                for name in ("online", "target")
            )
            self.optimizer = make_optimizer(config)
            self.optimizer.build(self.online.trainable_variables)
            # Only so that the optimizer is saved with the network.
            self.online.compile(self.optimizer)
        # XLA fuses the many small operations of an update, but cannot compile
        # the sum over replicas.
        self._update = tf.function(
            self._run_updates, jit_compile=strategy.num_replicas_in_sync == 1
        )

    def policy(self) -> NumpyPolicy:
        """The online network as it is now, for acting."""
        return NumpyPolicy(self.online.get_weights())

    def update(self, batches: Transitions) -> np.ndarray:
        """Runs one gradient step per batch, in one compiled call.

        Args:
            batches: Fields of shape `(updates, batch_size, ...)`.

        Returns:
            The loss of each update.
        """
        return self._update(Transitions(*map(tf.convert_to_tensor, batches))).numpy()

    @property
    def updates(self) -> int:
        """Gradient steps taken so far."""
        return int(self.optimizer.iterations.numpy())

    def clip_history(self, since: int) -> dict[str, np.ndarray]:
        """What the clipper did after the first `since` updates."""
        return clip_history(self.optimizer, since)

    def save(self, folder: Path, policy: NumpyPolicy) -> None:
        """Writes the policy to keep, and what is needed to go on training.

        Args:
            folder: Where the files go.
            policy: An earlier or the present state of the online network.
        """
        network = keras.models.clone_model(self.online)
        network.set_weights(policy.weights)
        network.save(folder / "policy.keras", include_optimizer=False)
        self.online.save(folder / "online.keras")
        self.target.save_weights(folder / "target.weights.h5")

    def _run_updates(self, batches: Transitions) -> Tensor:
        # Cross-replica context: the loop is out here and `strategy.run` inside
        # it, since replicas cannot meet inside a loop of their own.
        updates = batches.rewards.shape[0]
        # A target that moves at most once per call is worth one product for all
        # batches; one that moves in between must be asked again and again.
        target_is_fixed = self.config.target_period % updates == 0
        if target_is_fixed:
            batch_q_next = _merge_axes(self.target, batches.next_observations)
        losses = tf.TensorArray(tf.float32, size=updates)
        for index in tf.range(updates):
            batch = Transitions(*(field[index] for field in batches))
            if target_is_fixed:
                q_next = batch_q_next[index]
            else:
                q_next = self.target(batch.next_observations)
            loss = self.strategy.run(self._update_once, args=(batch, q_next))
            losses = losses.write(index, self.strategy.reduce("SUM", loss, axis=None))
            if not target_is_fixed:
                self._move_target()
        if target_is_fixed:
            self._move_target()
        return losses.stack()

    def _update_once(self, batch: Transitions, q_next: Tensor) -> Tensor:
        """One gradient step on this replica's share of the batch."""
        batch, q_next = _share_of_replica((batch, q_next))
        q_select = self.online(batch.next_observations) if self.config.double else None
        targets = td_targets(batch.rewards, batch.discounts, q_next, q_select)
        weights = self.online.trainable_variables
        with tf.GradientTape() as tape:
            values = value_of(self.online(batch.observations), batch.actions)
            losses = huber(targets - values, self.config.huber_delta)
            # Over the global batch, so that the sum over replicas is the mean.
            loss = keras.ops.sum(losses) / self.config.batch_size
        gradients = tape.gradient(loss, [weight.value for weight in weights])
        self.optimizer.apply(gradients, weights)
        return loss

    def _move_target(self) -> None:
        """Moves the target towards the online network, if its time has come."""
        due = self.optimizer.iterations.value % self.config.target_period == 0
        rate = tf.where(due, self.config.target_rate, 0.0)
        for target, online in zip(self.target.weights, self.online.weights):
            target.assign(rate * online.value + (1 - rate) * target.value)


def _merge_axes(network: keras.Model, observations: Tensor) -> Tensor:
    """Calls a network on `(updates, batch_size, ...)` as on one large batch."""
    updates, batch_size, *shape = observations.shape
    values = network(tf.reshape(observations, (updates * batch_size, *shape)))
    return tf.reshape(values, (updates, batch_size, -1))


def _share_of_replica(tensors: Any) -> Any:
    """This replica's rows of tensors that hold the global batch."""
    replica = tf.distribute.get_replica_context()
    replicas = replica.num_replicas_in_sync
    if replicas == 1:
        return tensors

    def share(tensor: Tensor) -> Tensor:
        rows = tensor.shape[0] // replicas
        start = replica.replica_id_in_sync_group * rows
        return tensor[start : start + rows]

    return tf.nest.map_structure(share, tensors)
