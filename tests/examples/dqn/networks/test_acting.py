"""A policy is a copy of its network, of the kind that its observations want."""

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)
pytest.importorskip("gymnasium")

from examples.dqn.networks.acting import policy_of
from examples.dqn.networks.graph_policy import GraphPolicy
from examples.dqn.networks.numpy_policy import NumpyPolicy
from examples.dqn.networks.q_network import build_q_network
from examples.dqn.settings.config import Config

GENERATOR = np.random.default_rng(0)
VECTORS = GENERATOR.normal(size=(6, 4)).astype(np.float32)
IMAGES = GENERATOR.integers(0, 256, (6, 2, 9, 8, 1), dtype=np.uint8)
# Observations, the kind of policy, and the images that it wants at once.
KINDS = [(VECTORS, NumpyPolicy, None), (IMAGES, GraphPolicy, 2)]


@pytest.mark.parametrize(("observations", "kind", "frame_stack"), KINDS)
@pytest.mark.parametrize("dueling", [False, True])
def test_policy_is_the_network_as_it_is_now(observations, kind, frame_stack, dueling):
    config = Config(hidden_sizes=(8,), dueling=dueling)
    network = build_q_network(observations.shape[1:], 3, config)
    policy = policy_of(network, config)
    expected = np.array(network(observations))
    assert type(policy) is kind
    assert policy.frame_stack == frame_stack
    assert policy.num_actions == 3
    np.testing.assert_allclose(policy.q_values(observations), expected, atol=1e-5)
    # What the network learns later is for the policy that is made then.
    network.set_weights([weight + 0.5 for weight in network.get_weights()])
    np.testing.assert_allclose(policy.q_values(observations), expected, atol=1e-5)
    learned = policy_of(network, config).q_values(observations)
    np.testing.assert_allclose(learned, np.array(network(observations)), rtol=1e-4)
    assert np.abs(learned - expected).max() > 0.1
