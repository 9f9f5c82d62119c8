"""The policy that acts with a network of convolutions."""

import pickle

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)
pytest.importorskip("gymnasium")

from examples.dqn.networks.graph_policy import GraphPolicy, _actor
from examples.dqn.networks.q_network import build_q_network
from examples.dqn.settings.config import Config

SHAPE = (2, 10, 9, 3)
IMAGES = np.random.default_rng(0).integers(0, 256, (16, *SHAPE), dtype=np.uint8)
ALL = {"dueling": True, "distributional": True, "layer_norm": True, "noisy": True}
FORMS = [{}, {"dueling": True}, {"noisy": True, "noisy_sigma": 4.0}, ALL]


def policy_of(shape=SHAPE, seed=0, **settings):
    config = Config(**{"hidden_sizes": (16, 8), **settings})
    network = build_q_network(shape, 3, config, seed)
    return network, GraphPolicy(network.get_weights(), shape, 3, config)


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_graph_policy_is_the_network(form):
    network, policy = policy_of(**form)
    values = np.array(network(IMAGES))
    if "distributional" in form:
        values = values.mean(axis=-1)
    np.testing.assert_allclose(policy.q_values(IMAGES), values, atol=1e-5)
    np.testing.assert_array_equal(policy.greedy(IMAGES), values.argmax(axis=1))
    if "noisy" not in form:
        explored = policy.explore(IMAGES, 0.0, np.random.default_rng(0))
        np.testing.assert_array_equal(explored, values.argmax(axis=1))


def test_noisy_policy_explores_with_a_draw_per_call():
    _, policy = policy_of(noisy=True, noisy_sigma=10.0)
    one, same, other = (
        policy.explore(IMAGES, 0.0, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
    # Noise is for exploring alone.
    np.testing.assert_array_equal(policy.greedy(IMAGES), policy.greedy(IMAGES))


def test_share_of_random_actions_is_epsilon():
    _, policy = policy_of()
    images = np.repeat(IMAGES[:1], 3000, axis=0)
    best = policy.greedy(IMAGES[:1])
    for epsilon in (0.3, 1.0):
        actions = policy.explore(images, epsilon, np.random.default_rng(0))
        # A random action is one of the other two in two of three cases; five
        # standard deviations wide.
        assert abs((actions != best).mean() - epsilon * 2 / 3) < 0.045


def test_copies_act_through_one_network_without_a_new_trace():
    network, first = policy_of(noisy=True)
    before = first.q_values(IMAGES)
    network.set_weights([weight + 0.1 for weight in network.get_weights()])
    second = GraphPolicy(network.get_weights(), *first._form)
    for rows in (1, 2, 7):
        second.explore(IMAGES[:rows], 0.0, np.random.default_rng(rows))
        second.q_values(IMAGES[:rows])
    assert np.abs(second.q_values(IMAGES) - before).max() > 0.01
    np.testing.assert_array_equal(first.q_values(IMAGES), before)
    actor = _actor(*first._form)
    assert actor._calm.experimental_get_tracing_count() == 1
    assert actor._excited.experimental_get_tracing_count() == 1


def test_pickled_policy_is_its_weights():
    _, policy = policy_of()
    data = pickle.dumps(policy)
    assert len(data) < sum(w.nbytes for w in policy.weights) + 5000
    values = pickle.loads(data).q_values(IMAGES)
    np.testing.assert_array_equal(values, policy.q_values(IMAGES))
