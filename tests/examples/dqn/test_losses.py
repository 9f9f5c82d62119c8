"""Targets and losses on literal arrays."""

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)

import tensorflow as tf

from examples.dqn.losses import (
    advantage_lost,
    huber,
    mean_values,
    quantile_huber,
    squared,
    td_targets,
    value_of,
)

REWARDS = np.array([1.0, 1.0, 1.0], np.float32)
# Goes on, terminated, truncated: only termination ends the bootstrap.
DISCOUNTS = np.array([0.5, 0.0, 0.5], np.float32)
Q_NEXT = np.array([[4.0, 2.0], [8.0, 6.0], [10.0, 20.0]], np.float32)
Q_SELECT = np.array([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0]], np.float32)
# Two quantiles around each mean.
SPREAD = np.array([-1.0, 1.0], np.float32)


def test_td_targets_of_dqn():
    targets = td_targets(REWARDS, DISCOUNTS, tf.constant(Q_NEXT))
    np.testing.assert_array_equal(targets, [3.0, 1.0, 11.0])


def test_td_targets_of_double_dqn():
    targets = td_targets(REWARDS, DISCOUNTS, tf.constant(Q_NEXT), tf.constant(Q_SELECT))
    np.testing.assert_array_equal(targets, [2.0, 1.0, 6.0])


def test_double_dqn_is_dqn_where_both_networks_agree():
    q_next = tf.constant(Q_NEXT)
    np.testing.assert_array_equal(
        td_targets(REWARDS, DISCOUNTS, q_next, q_next),
        td_targets(REWARDS, DISCOUNTS, q_next),
    )


@pytest.mark.parametrize("select", [None, Q_SELECT])
def test_targets_of_quantiles_move_and_shrink_each(select):
    q_next = tf.constant(Q_NEXT[:, :, None] + SPREAD)
    q_select = None if select is None else tf.constant(select[:, :, None] + SPREAD)
    targets = td_targets(REWARDS, DISCOUNTS, q_next, q_select)
    if select is None:
        expected = [[2.5, 3.5], [1.0, 1.0], [10.5, 11.5]]
    else:
        expected = [[1.5, 2.5], [1.0, 1.0], [5.5, 6.5]]
    np.testing.assert_array_equal(targets, expected)


@pytest.mark.parametrize("spread", [None, SPREAD])
def test_advantage_lost_is_the_distance_to_the_best_action(spread):
    values = Q_NEXT if spread is None else Q_NEXT[:, :, None] + spread
    lost = advantage_lost(tf.constant(values), tf.constant([0, 1, 0]))
    np.testing.assert_array_equal(lost, [0.0, 2.0, 10.0])


def test_value_of_the_action_taken():
    actions = np.array([1, 0, 1])
    values = value_of(tf.constant(Q_NEXT), actions)
    np.testing.assert_array_equal(values, [2.0, 8.0, 20.0])
    quantiles = value_of(tf.constant(Q_NEXT[:, :, None] + SPREAD), actions)
    np.testing.assert_array_equal(quantiles, [[1.0, 3.0], [7.0, 9.0], [19.0, 21.0]])


def test_mean_values():
    np.testing.assert_array_equal(mean_values(tf.constant(Q_NEXT)), Q_NEXT)
    quantiles = tf.constant(Q_NEXT[:, :, None] + SPREAD)
    np.testing.assert_array_equal(mean_values(quantiles), Q_NEXT)


def test_huber_known_answer_and_gradient():
    errors = tf.constant([-3.0, -1.0, -0.5, 0.0, 0.5, 3.0])
    for delta in (1.0, 2.0):
        with tf.GradientTape() as tape:
            tape.watch(errors)
            losses = huber(errors, delta)
        expected = keras.losses.Huber(delta, reduction=None)(
            tf.zeros((6, 1)), errors[:, None]
        )
        np.testing.assert_allclose(losses, expected, rtol=1e-6)
        # The note in its docstring: the gradient is the clipped error.
        np.testing.assert_array_equal(
            tape.gradient(losses, errors), np.clip(errors, -delta, delta)
        )


def test_squared_is_huber_without_a_tail():
    errors = tf.constant([-1.0, -0.5, 0.0, 0.5, 1.0])
    np.testing.assert_array_equal(squared(errors), huber(errors))
    np.testing.assert_array_equal(squared(tf.constant([-4.0, 4.0])), [8.0, 8.0])


def test_quantile_huber_known_answer():
    # Levels 1/4 and 3/4; errors u[i, j] = target_j - quantile_i.
    # Quantile 0: errors 1 and 3, Huber 0.5 and 2.5, weights 1/4 and 1/4.
    # Quantile 2: errors -1 and 1, Huber 0.5 and 0.5, weights 1/4 and 3/4.
    loss = quantile_huber(tf.constant([[1.0, 3.0]]), tf.constant([[0.0, 2.0]]))
    np.testing.assert_allclose(loss, [0.375 + 0.25])


def test_quantile_huber_divides_by_delta():
    # Errors of at most delta: the loss of each is its square over 2 delta.
    loss = quantile_huber(tf.constant([[1.0, 3.0]]), tf.constant([[0.0, 2.0]]), 4.0)
    expected = (0.25 * (0.5 + 4.5) / 2 + (0.25 * 0.5 + 0.75 * 0.5) / 2) / 4
    np.testing.assert_allclose(loss, [expected])


def test_quantile_huber_learns_the_quantiles_of_a_distribution():
    targets = tf.constant(np.linspace(0, 10, 101, dtype=np.float32)[None])
    quantiles = tf.Variable(np.zeros((1, 5), np.float32))

    @tf.function
    def descend():
        for _ in tf.range(1500):
            with tf.GradientTape() as tape:
                loss = quantile_huber(targets, quantiles, delta=0.01)
            quantiles.assign_sub(0.1 * tape.gradient(loss, quantiles))

    descend()
    np.testing.assert_allclose(quantiles[0], [1, 3, 5, 7, 9], atol=0.15)
