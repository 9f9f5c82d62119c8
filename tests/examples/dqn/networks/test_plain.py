"""The network alone is loaded with nothing of ours, and acts as the whole one does."""

import itertools
import os
import subprocess
import sys
from dataclasses import replace

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)
pytest.importorskip("gymnasium")

from examples.dqn.networks.making import make_network
from examples.dqn.networks.noisy import NoisyDense
from examples.dqn.networks.plain import PlainNetwork, is_ours, is_plain
from examples.dqn.networks.q_network import build_q_network
from examples.dqn.settings.config import Config

GENERATOR = np.random.default_rng(0)
VECTORS = GENERATOR.normal(size=(7, 4)).astype(np.float32)
IMAGES = GENERATOR.integers(0, 256, (7, 2, 9, 8, 1), dtype=np.uint8)
NAMES = ("dueling", "distributional", "noisy", "layer_norm")
FORMS = [dict(zip(NAMES, form)) for form in itertools.product([False, True], repeat=4)]
FORMS.append(dict(mixed_precision=True, dueling=True, distributional=True))
SEEN = dict(normalize_observations=True, action_mask="on")
FORMS += [dict(form, **SEEN) for form in (FORMS[0], FORMS[3], FORMS[-2])]
FORMS.append(dict(distributional=True, action_mask="on"))
SIZES = dict(hidden_sizes=(16, 8), quantiles=5)

# A script that knows Keras alone: one line per file, the values of its actions.
SCRIPT = """
import json, sys
import keras, numpy as np
for name in sys.argv[1:]:
    network = keras.saving.load_model(name + ".keras")
    assert getattr(network, "optimizer", None) is None
    print(json.dumps(np.array(network(np.load(name + ".npy"))).tolist()))
assert not [name for name in sys.modules if "gradclip" in name or "examples" in name]
"""


def changed(network):
    """Scales, shifts and biases that are not those of the start."""
    network.set_weights(
        [w + 0.1 * GENERATOR.normal(size=w.shape) for w in network.get_weights()]
    )
    return network


def means(values):
    values = np.array(values)
    return values.mean(axis=-1) if values.ndim == 3 else values


def test_every_form_is_loaded_by_a_script_that_knows_keras_alone(tmp_path):
    import json

    names, expected = [], []
    for number, form in enumerate(FORMS):
        of_vectors = {"mixed_precision", "action_mask"} & set(form)
        kinds = [VECTORS] if of_vectors else [VECTORS, IMAGES]
        for observations in kinds:
            config, shape = Config(**SIZES, **form), observations.shape[1:]
            network = changed(make_network(None, shape, 3, config, "online"))
            plain = PlainNetwork(make_network(None, shape, 3, config, "plain"), config)
            plain.set_weights(network.get_weights())
            name = str(tmp_path / f"{number}-{len(shape)}")
            plain.write(tmp_path / f"{number}-{len(shape)}.keras")
            np.save(name + ".npy", observations)
            names.append(name)
            expected.append(means(network(observations)))
    assert not list(tmp_path.glob(".*"))
    environment = {**os.environ, "PYTHONPATH": "", "KERAS_BACKEND": "tensorflow"}
    found = subprocess.run(
        [sys.executable, "-c", SCRIPT, *names],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stderr
    lines = [line for line in found.stdout.splitlines() if line.startswith("[[")]
    for name, line, values in zip(names, lines, expected, strict=True):
        found = json.loads(line)
        np.testing.assert_allclose(found, values, 1e-6, 1e-4, err_msg=name)


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_what_is_ours_is_known_whatever_its_name_and_weights(form):
    config = Config(**SIZES, **form)
    network = make_network(None, (4,), 3, replace(config, seed=9), "online")
    assert is_ours(network, config)
    assert is_plain(PlainNetwork(network, config).model, config)
    assert not is_ours(network, Config(**{**SIZES, "hidden_sizes": (16, 9)}, **form))


def dense_network(activation="relu", extra=False, size=8):
    inputs = keras.Input((4,), name="observation")
    values = keras.layers.Dense(16, name="hidden_0")(inputs)
    values = keras.layers.ReLU(name="hidden_0_relu")(values)
    values = keras.layers.Dense(size, activation=activation, name="hidden_1")(values)
    if extra:
        values = keras.layers.Dropout(0.5)(values)
    return keras.Model(inputs, keras.layers.Dense(3, name="q_values")(values))


@pytest.mark.parametrize(
    "network",
    [
        lambda: dense_network("tanh"),
        lambda: dense_network("relu"),
        lambda: dense_network(extra=True),
        lambda: keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]),
    ],
)
def test_a_network_of_another_kind_is_not_ours(network):
    assert not is_ours(network(), Config(**SIZES))
    assert not is_plain(network(), Config(**SIZES))


def test_one_activation_is_enough_to_be_another():
    config = Config(**SIZES)
    ours = build_q_network((4,), 3, config)
    inputs = keras.Input((4,), name="observation")
    values = inputs
    for layer in ours.layers[1:]:
        made = type(layer).from_config(layer.get_config())
        if layer.name == "hidden_1_relu":
            made = keras.layers.Activation("tanh", name=layer.name)
        values = made(values)
    assert not is_ours(keras.Model(inputs, values), config)


@pytest.mark.parametrize("quantiles", [None, 5])
def test_an_own_network_is_written_without_noise_and_with_one_value(
    quantiles, tmp_path
):
    def make():
        inputs = keras.Input((4,))
        values = keras.layers.Dense(8, activation="tanh")(inputs)
        values = NoisyDense(3 * (quantiles or 1), name="noisy")(values)
        if quantiles:
            values = keras.layers.Reshape((3, quantiles))(values)
        return keras.Model(inputs, values)

    config = Config(distributional=bool(quantiles))
    network = changed(make())
    plain = PlainNetwork(make(), config)
    plain.set_weights(network.get_weights())
    plain.write(tmp_path / "policy.keras")
    loaded = keras.saving.load_model(tmp_path / "policy.keras", custom_objects={})
    np.testing.assert_allclose(loaded(VECTORS), means(network(VECTORS)), atol=1e-5)
    assert not any(isinstance(layer, NoisyDense) for layer in loaded.layers)
