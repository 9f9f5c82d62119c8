"""Actions that are not allowed are never the best, nor drawn."""

from collections import Counter

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)
pytest.importorskip("gymnasium")

import tensorflow as tf

from examples.dqn.agent import Agent
from examples.dqn.networks.action_mask import respect_mask
from examples.dqn.networks.numpy_policy import NumpyPolicy
from examples.dqn.networks.q_network import build_q_network
from examples.dqn.replay.transitions import Transitions
from examples.dqn.settings.config import Config

FORMS = {
    "plain": {},
    "dueling": {"dueling": True},
    "quantiles": {"distributional": True, "quantiles": 3, "noisy": True},
    "normalized": {"normalize_observations": True, "layer_norm": True},
}


def observations(generator, count):
    """Two numbers and a mask of three actions."""
    masks = np.array([[1, 1, 1], [0, 1, 1], [0, 0, 1], [1, 0, 0]], np.float32)
    numbers = generator.normal(size=(count, 2)).astype(np.float32)
    return np.concatenate([numbers, masks[np.arange(count) % 4]], axis=1)


@pytest.mark.parametrize("form", FORMS)
def test_values_are_those_of_the_network_where_it_is_allowed(form):
    config = Config(hidden_sizes=(8,), **FORMS[form])
    free = build_q_network((5,), 3, config)
    masked = respect_mask(build_q_network((5,), 3, config))
    masked.set_weights(free.get_weights())
    seen = observations(np.random.default_rng(0), 40)
    values, expected = (np.array(network(seen)) for network in (masked, free))
    allowed = seen[:, -3:] > 0
    np.testing.assert_array_equal(values[allowed], expected[allowed])
    assert (values[~allowed] < -9e8).all()
    policy = NumpyPolicy(masked)
    mean = values.mean(axis=-1) if values.ndim == 3 else values
    np.testing.assert_allclose(policy.q_values(seen), mean, rtol=1e-4, atol=1e-4)
    assert allowed[np.arange(40), policy.greedy(seen)].all()


def test_exploration_draws_each_allowed_action_and_no_other():
    policy = NumpyPolicy(respect_mask(build_q_network((5,), 3, Config())))
    generator = np.random.default_rng(0)
    seen = observations(generator, 4)
    several = [policy.explore(seen, 1.0, generator) for _ in range(300)]
    alone = [policy.explore(seen[1:2], 1.0, generator) for _ in range(300)]
    counts = [Counter(column.tolist()) for column in np.transpose(several)]
    assert [{*count} for count in counts] == [{0, 1, 2}, {1, 2}, {2}, {0}]
    assert min(counts[0].values()) > 70
    assert {int(action) for [action] in alone} == {1, 2}


@pytest.mark.parametrize("double", [True, False])
def test_targets_do_not_hope_for_what_is_not_allowed(double):
    settings = dict(hidden_sizes=(4,), batch_size=2, double=double, xla=False)
    settings |= dict(loss="mse", updates_per_train=1, target_period=1)
    errors = []
    for mask in ([1, 1, 1], [1, 0, 0]):
        config = Config(**settings, action_mask="on")
        agent = Agent((5,), 3, config, tf.distribute.get_strategy())
        for network in (agent.online, agent.target):
            *rest, kernel, _ = network.get_weights()
            network.set_weights([*rest, 0 * kernel, np.array([1.0, 2, 5])])
        after = np.array([[[0, 0, *mask]] * 2], np.float32)
        before = np.array([[[0, 0, 1, 1, 1]] * 2], np.float32)
        batches = Transitions(
            before,
            np.zeros((1, 2), np.int32),
            np.zeros((1, 2), np.float32),
            np.ones((1, 2), np.float32),
            after,
        )
        errors.append(agent.update(batches).errors[0].tolist())
    assert errors == [[4.0, 4.0], [0.0, 0.0]]


def test_saved_network_needs_nothing_of_ours(tmp_path):
    network = respect_mask(build_q_network((5,), 3, Config(hidden_sizes=(4,))))
    clone = keras.models.clone_model(network)
    clone.set_weights(network.get_weights())
    clone.save(tmp_path / "policy.keras")
    loaded = keras.saving.load_model(tmp_path / "policy.keras", compile=False)
    seen = observations(np.random.default_rng(0), 8)
    np.testing.assert_array_equal(*(np.array(net(seen)) for net in (network, loaded)))
    assert NumpyPolicy(loaded).masked
