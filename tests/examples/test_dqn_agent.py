"""Targets, loss, target network and the fused update."""

from typing import get_args

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)

import tensorflow as tf

from examples.dqn.agent import Agent, huber, td_targets, value_of
from examples.dqn.config import Config, ConfigError
from examples.dqn.replay import Transitions

REWARDS = np.array([1.0, 1.0, 1.0], np.float32)
# Goes on, terminated, truncated: only termination ends the bootstrap.
DISCOUNTS = np.array([0.5, 0.0, 0.5], np.float32)
Q_NEXT = np.array([[4.0, 2.0], [8.0, 6.0], [10.0, 20.0]], np.float32)
Q_SELECT = np.array([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0]], np.float32)


def test_td_targets_of_dqn():
    targets = td_targets(REWARDS, DISCOUNTS, tf.constant(Q_NEXT))
    np.testing.assert_array_equal(targets, [3.0, 1.0, 11.0])


def test_td_targets_of_double_dqn():
    targets = td_targets(REWARDS, DISCOUNTS, tf.constant(Q_NEXT), tf.constant(Q_SELECT))
    np.testing.assert_array_equal(targets, [2.0, 1.0, 6.0])


def test_value_of_the_action_taken():
    values = value_of(tf.constant(Q_NEXT), np.array([1, 0, 1]))
    np.testing.assert_array_equal(values, [2.0, 8.0, 20.0])


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


def make_agent(strategy=None, **settings):
    defaults = dict(
        hidden_sizes=(16, 16),
        batch_size=8,
        updates_per_train=6,
        target_period=6,
        clipper="norm",  # the quickest to compile
    )
    config = Config(**defaults | settings)
    return Agent((4,), 2, config, strategy or tf.distribute.get_strategy())


def make_batches(updates=6, batch_size=8, seed=0):
    generator = np.random.default_rng(seed)
    shape = (updates, batch_size)
    return Transitions(
        observations=generator.normal(size=(*shape, 4)).astype(np.float32),
        actions=generator.integers(2, size=shape).astype(np.int32),
        rewards=generator.normal(size=shape).astype(np.float32),
        discounts=generator.choice([0, 0.99], size=shape).astype(np.float32),
        next_observations=generator.normal(size=(*shape, 4)).astype(np.float32),
    )


def flat(network):
    return np.concatenate([weight.ravel() for weight in network.get_weights()])


@pytest.mark.parametrize(
    "settings",
    [
        dict(target_period=12, double=False),
        dict(target_period=4),
        dict(target_period=1, target_rate=0.1, double=False),
        dict(target_period=6, clipper="autoclip"),
    ],
    ids=str,
)
def test_fused_updates_equal_single_updates(settings):
    batches = make_batches()
    fused, single = make_agent(**settings), make_agent(**settings)
    before = flat(fused.online)
    losses = fused.update(batches)
    one_by_one = [
        single.update(Transitions(*(field[index : index + 1] for field in batches)))
        for index in range(6)
    ]
    np.testing.assert_allclose(losses, np.concatenate(one_by_one), rtol=1e-4)
    np.testing.assert_allclose(flat(fused.online), flat(single.online), atol=1e-5)
    np.testing.assert_allclose(flat(fused.target), flat(single.target), atol=1e-5)
    assert np.abs(flat(fused.online) - before).max() > 1e-3
    assert fused.updates == single.updates == 6


def test_first_loss_against_numpy():
    agent, batches = make_agent(double=True), make_batches()
    online = agent.policy()
    target = type(online)(agent.target.get_weights())
    batch = Transitions(*(field[0] for field in batches))
    best = online.greedy(batch.next_observations)
    rows = np.arange(8)
    targets = (
        batch.rewards
        + batch.discounts * target.q_values(batch.next_observations)[rows, best]
    )
    errors = targets - online.q_values(batch.observations)[rows, batch.actions]
    expected = np.where(abs(errors) < 1, errors**2 / 2, abs(errors) - 0.5).mean()
    assert agent.update(batches)[0] == pytest.approx(expected, rel=1e-5)


def test_target_starts_as_a_copy():
    agent = make_agent()
    np.testing.assert_array_equal(flat(agent.target), flat(agent.online))


def test_hard_update_copies_at_its_period_and_not_before():
    agent, batches = make_agent(target_period=12), make_batches()
    start = flat(agent.target)
    agent.update(batches)
    np.testing.assert_array_equal(flat(agent.target), start)
    assert np.abs(flat(agent.online) - start).max() > 0
    agent.update(batches)
    np.testing.assert_array_equal(flat(agent.target), flat(agent.online))


def test_soft_update_moves_by_its_rate():
    agent = make_agent(target_period=1, target_rate=0.25)
    start = flat(agent.target)
    agent.update(make_batches(updates=1))
    expected = 0.75 * start + 0.25 * flat(agent.online)
    np.testing.assert_allclose(flat(agent.target), expected, rtol=1e-6, atol=1e-7)
    assert np.abs(flat(agent.target) - start).max() > 1e-5


def test_numpy_policy_is_the_online_network():
    agent = make_agent()
    agent.update(make_batches())
    observations = np.random.default_rng(1).normal(size=(32, 4)).astype(np.float32)
    expected = agent.online(observations)
    np.testing.assert_allclose(
        agent.policy().q_values(observations), expected, atol=1e-5
    )


def test_weights_start_within_the_bounds_of_torch():
    network = make_agent(hidden_sizes=(64, 64)).online
    for layer, fan_in in zip(network.layers[1:], (4, 64, 64)):
        for weight in layer.get_weights():
            largest = np.abs(weight).max()
            assert 0.5 * fan_in**-0.5 < largest <= fan_in**-0.5


@pytest.mark.parametrize("clipper", get_args(Config.__annotations__["clipper"]))
def test_every_clipper_trains(clipper):
    agent = make_agent(clipper=clipper)
    losses = agent.update(make_batches())
    clips = agent.clip_history(since=2)
    assert np.isfinite(losses).all()
    assert np.isfinite(flat(agent.online)).all()
    if clipper == "none":
        assert clips == {}
    else:
        assert clips.keys() == {"norm", "threshold", "clipped"}
        assert all(values.shape == (4,) for values in clips.values())
        assert (clips["norm"] > 0).all()


def test_clipper_with_a_scope_it_does_not_know():
    with pytest.raises(ConfigError, match=r"scope.*Received: .*unit"):
        make_agent(clipper="autoclip", clip_scope="unit")


def test_learning_rate_falls_in_a_straight_line():
    agent = make_agent(
        learning_rate=1e-2,
        learning_rate_end=0.0,
        total_steps=30,
        learning_starts=10,
        train_every=10,
    )
    # Blocks of 6 updates after steps 10, 20 and 30.
    rates = []
    for _ in range(3):
        rates.append(float(agent.optimizer.learning_rate))
        agent.update(make_batches())
    assert rates == pytest.approx([1e-2, 1e-2 * 2 / 3, 1e-2 / 3])
    assert float(agent.optimizer.learning_rate) == 0.0
