"""Whoever made a network, it normalises and keeps to masks as the settings ask."""

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)
pytest.importorskip("gymnasium")

from examples.dqn.networks.acting import Acting, policy_of
from examples.dqn.networks.making import make_network
from examples.dqn.networks.network_policy import NetworkPolicy
from examples.dqn.networks.noisy import NoisyDense, noisy_layers
from examples.dqn.networks.normalization import set_moments
from examples.dqn.networks.numpy_policy import NumpyPolicy
from examples.dqn.networks.plain import PlainNetwork
from examples.dqn.settings.config import Config

GENERATOR = np.random.default_rng(0)
MEAN, VARIANCE = np.array([5.0, -1, 0, 0, 0]), np.array([4.0, 100, 1, 1, 1])
# Two numbers and a mask of three actions.
MASKS = np.array([[1, 1, 1], [0, 1, 1], [0, 0, 1], [1, 0, 0]] * 2, np.float32)
NUMBERS = GENERATOR.normal(5, 3, (8, 2)).astype(np.float32)
SEEN = np.concatenate([NUMBERS, MASKS], axis=1)
BOTH = dict(normalize_observations=True, action_mask="on")


def own_network(shape, actions):
    layers = keras.layers
    last = NoisyDense(actions, name="last")
    return keras.Sequential([keras.Input(shape), layers.Dense(8, "tanh"), last])


def own_quantiles(shape, actions):
    inputs = keras.Input(shape)
    values = NoisyDense(actions * 4)(keras.layers.Dense(8, "tanh")(inputs))
    return keras.Model(inputs, keras.layers.Reshape((actions, 4))(values))


OWN = [(own_network, {}), (own_quantiles, dict(distributional=True, quantiles=4))]


def make(own, **settings):
    network = make_network(own, (5,), 3, Config(**settings), "online")
    if settings.get("normalize_observations"):
        set_moments(network, MEAN, VARIANCE)
    return network


@pytest.mark.parametrize(("own", "form"), OWN)
def test_an_own_network_is_given_what_is_normalised_and_masked(own, form):
    plain, network = make(own, **form), make(own, **form, **BOTH)
    found = np.array(network(SEEN))
    normal = np.clip((SEEN - MEAN) / np.sqrt(VARIANCE), -10, 10).astype(np.float32)
    allowed = MASKS > 0
    expected = np.array(plain(normal))[allowed]
    np.testing.assert_allclose(found[allowed], expected, rtol=1e-3, atol=1e-4)
    assert (found[~allowed] < -9e8).all()
    assert len(noisy_layers(network)) == 1


def test_an_own_network_that_is_only_masked():
    plain, network = make(own_network), make(own_network, action_mask="on")
    network.set_weights(plain.get_weights())
    expected = np.where(MASKS > 0, plain(SEEN), -1e9)
    np.testing.assert_allclose(network(SEEN), expected, rtol=1e-6)
    assert policy_of(network, Config()).masked


@pytest.mark.parametrize(("own", "form"), OWN)
def test_an_own_network_acts_within_the_mask_and_is_written_with_it(
    own, form, tmp_path
):
    config, network = Config(**form, **BOTH), make(own, **form, **BOTH)
    policy = Acting(network, config, lambda: make(own, **form, **BOTH)).policy()
    assert type(policy) is NetworkPolicy
    explored = {
        (row, int(action))
        for _ in range(200)
        for row, action in enumerate(policy.explore(SEEN[:4], 0.7, GENERATOR))
    }
    assert explored == {(row, action) for row, action in np.argwhere(MASKS[:4])}
    plain = PlainNetwork(make(own, **form, **BOTH), config)
    plain.set_weights(policy.weights)
    plain.write(tmp_path / "policy.keras")
    loaded = keras.saving.load_model(tmp_path / "policy.keras", custom_objects={})
    assert not noisy_layers(loaded)
    np.testing.assert_allclose(loaded(SEEN), policy.q_values(SEEN), 1e-5, 1e-5)
    again = policy_of(loaded, config)
    np.testing.assert_allclose(again.q_values(SEEN), loaded(SEEN), 1e-5, 1e-5)
    assert again.masked


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("normalizes", [False, True])
def test_ours_is_acted_with_in_numpy_before_and_after_it_is_written(
    masked, normalizes, tmp_path
):
    form = dict(dueling=True, distributional=True, quantiles=5, layer_norm=True)
    form |= dict(hidden_sizes=(8, 8), normalize_observations=normalizes)
    form |= dict(action_mask="on" if masked else "off")
    config, network = Config(**form), make(None, **form)
    policy = policy_of(network, config)
    plain = PlainNetwork(make(None, **form), config)
    plain.set_weights(policy.weights)
    plain.write(tmp_path / "policy.keras")
    loaded = keras.saving.load_model(tmp_path / "policy.keras", custom_objects={})
    again = policy_of(loaded, config)
    for one in (policy, again):
        assert type(one) is NumpyPolicy
        assert one.masked is masked
        expected = np.array(network(SEEN)).mean(axis=-1)
        np.testing.assert_allclose(one.q_values(SEEN), expected, rtol=1e-4, atol=1e-4)
