# ruff: noqa: E402
"""Convolutions, the policy that acts with them, and runs that learn from images."""

import pickle

import keras
import numpy as np
import pytest
from conformance.replicas import mirrored

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)
gymnasium = pytest.importorskip("gymnasium")
pytest.importorskip("matplotlib")
pytest.importorskip("tyro")
Image = pytest.importorskip("PIL.Image")

import tensorflow as tf

from examples.dqn import play
from examples.dqn.agent import Agent
from examples.dqn.checkpoint import read_newest
from examples.dqn.config import Config
from examples.dqn.envs import make_env, make_environments
from examples.dqn.evaluate import evaluate
from examples.dqn.frame_stacking import FrameStacking
from examples.dqn.graph_policy import GraphPolicy, _actor
from examples.dqn.network import build_q_network
from examples.dqn.play import load_policy
from examples.dqn.replay import Transitions
from examples.dqn.run_folder import write_config
from examples.dqn.train import main, run_command

SHAPE = (2, 10, 9, 3)
IMAGES = np.random.default_rng(0).integers(0, 256, (16, *SHAPE), dtype=np.uint8)
ALL = {"dueling": True, "distributional": True, "layer_norm": True, "noisy": True}
FORMS = [{}, {"dueling": True}, {"noisy": True, "noisy_sigma": 4.0}, ALL]


class Lights(gymnasium.Env):
    """The side that is lit is the action that pays; 8 steps, then truncation.

    Pays 5, so that clipped rewards differ from returns.
    """

    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, shape=(12, 12, 2)):
        self.observation_space = gymnasium.spaces.Box(0, 255, shape, np.uint8)

    def _observation(self):
        self.side, self.steps = int(self.np_random.integers(2)), self.steps + 1
        image = np.zeros(self.observation_space.shape, np.uint8)
        half = image.shape[1] // 2
        image[:, self.side * half : (self.side + 1) * half] = 255
        return image

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return self._observation(), {}

    def step(self, action):
        reward = 5.0 if action == self.side else 0.0
        return self._observation(), reward, False, self.steps > 8, {}


class Grid(gymnasium.Env):
    """Observes floats of two axes, which are no image."""

    observation_space = gymnasium.spaces.Box(-1, 1, (2, 3), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        return np.arange(6, dtype=np.float32).reshape(2, 3) / 6, {}

    def step(self, action):
        return self.reset()[0], 1.0, True, False, {}


for name, entry, arguments in [
    ("Lights-v0", Lights, {}),
    ("GrayLights-v0", Lights, {"shape": (12, 12)}),
    ("Grid-v0", Grid, {}),
]:
    gymnasium.register(name, entry, kwargs=arguments)

SMALL = dict(
    total_steps=1024,
    learning_starts=256,
    train_every=64,
    updates_per_train=16,
    batch_size=32,
    hidden_sizes=(32,),
    frame_stack=2,
    reward_clip=1.0,
    gamma=0.5,
    clipper="norm",
    target_period=16,
    eval_every=512,
    eval_episodes=4,
    final_episodes=10,
    checkpoint_every=256,
)


def policy_of(shape=SHAPE, seed=0, **settings):
    config = Config(**{"hidden_sizes": (16, 8), "seed": seed, **settings})
    network = build_q_network(shape, 3, config)
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


@pytest.mark.parametrize(
    ("shape", "features"),
    [
        ((4, 84, 84, 1), 7 * 7 * 64),
        ((1, 36, 40, 3), 64),
        ((4, 10, 10, 4), 5 * 5 * 64),
        ((1, 1, 1, 1), 64),
    ],
)
def test_convolutions_fit_the_image(shape, features):
    network, policy = policy_of(shape)
    assert network.get_layer("features").output.shape == (None, features)
    images = np.zeros((2, *shape), np.uint8)
    assert policy.q_values(images).shape == (2, 3)
    for layer in network.layers:
        if hasattr(layer, "kernel"):
            bound = np.prod(layer.kernel.shape[:-1]) ** -0.5
            largest = np.abs(np.array(layer.kernel)).max()
            assert 0.4 * bound < largest <= bound


def test_image_network_sees_each_frame_as_channels_of_one_image():
    """Against a convolution written out by hand."""
    network, _ = policy_of((2, 3, 3, 1))
    convolution = network.get_layer("convolution_0")
    images = np.random.default_rng(2).integers(0, 256, (1, 2, 3, 3, 1), dtype=np.uint8)
    kernel, bias = (np.array(weight) for weight in convolution.weights)
    inner = keras.Model(network.input, convolution.output)
    found = np.array(inner(images))
    expected = bias + sum(
        np.tensordot(images[0, frame, ..., 0] / 255, kernel[:, :, frame])
        for frame in range(2)
    )
    np.testing.assert_allclose(found[0, 1, 1], np.maximum(expected, 0), atol=1e-6)


def test_image_network_is_saved_and_loaded(tmp_path):
    network, _ = policy_of(**ALL)
    network.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(loaded(IMAGES), network(IMAGES))


def test_saved_policy_is_played_and_recorded(tmp_path, capsys):
    config = Config(env_id="GrayLights-v0", frame_stack=2, hidden_sizes=(8,))
    network = build_q_network((2, 12, 12, 1), 2, config)
    network.save(tmp_path / "policy.keras")
    write_config(tmp_path, config)
    policy = load_policy(tmp_path, config)
    assert policy.frame_stack == 2
    for flags in ([], ["--video"]):
        assert play.run_command([str(tmp_path), "--episodes", "3", *flags]) == 0
    *told, mean = capsys.readouterr().out.splitlines()
    returns = evaluate(policy, "GrayLights-v0", 3, 0)
    episodes = [f"seed {i}: return {value:g}" for i, value in enumerate(returns)]
    assert told == [*episodes, mean, f"recorded {tmp_path / 'play.gif'}", *episodes]
    assert mean == f"mean return {returns.mean():.1f} over 3 greedy episodes"
    with Image.open(tmp_path / "play.gif") as image:
        assert image.size == (396, 396)
    assert play.run_command([str(tmp_path), "--render"]) == 2
    assert "render must go with observations that are no" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("env_id", "shape"),
    [
        ("Lights-v0", (4, 12, 12, 2)),
        ("GrayLights-v0", (4, 12, 12, 1)),
        ("Grid-v0", (6,)),
    ],
)
@pytest.mark.parametrize("vectorization", ["loop", "sync"])
def test_form_of_observations(env_id, shape, vectorization):
    config = Config(env_id=env_id, num_envs=2, vectorization=vectorization)
    envs = make_environments(config, seed=0)
    assert envs.observation_shape == shape
    assert envs.observations.shape == (2, *shape)
    assert isinstance(envs, FrameStacking) == (len(shape) > 1)
    for _ in range(10):
        envs.step(np.zeros(2, int))
    assert len(envs.finished_returns) >= 2
    envs.close()


def test_flat_observations_stay_as_they_are():
    assert "Flatten" not in str(make_env("CartPole-v1"))


def flags_of(settings):
    words = []
    for name, value in settings.items():
        values = value if isinstance(value, tuple) else (value,)
        words += [f"--{name.replace('_', '-')}", *map(str, values)]
    return words


def test_command_learns_from_images(tmp_path, capsys):
    flags = flags_of({**SMALL, "env_id": "Lights-v0", "run_folder": tmp_path / "run"})
    assert run_command(flags) == 0
    out = capsys.readouterr().out
    # Eight steps of 5 are the most, and half of it is luck; rewards were clipped
    # to 1 for the learner alone.
    score = float(out.split("mean return ")[1].split(" ")[0])
    assert score == 40.0
    state, _ = read_newest(tmp_path / "run" / "checkpoints")
    assert set(state["replay"].newest(1024).rewards) == {0.0, 1.0}
    assert max(state["finished_returns"]) > 20


@pytest.mark.parametrize(
    "settings",
    [
        dict(num_envs=3, n_step=2),
        dict(n_step=3, prioritized=True, quantiles=3, **ALL),
    ],
    ids=["plain", "all switches"],
)
def test_resumed_run_of_images_equals_an_undisturbed_one(settings, tmp_path):
    folder = tmp_path / "run"
    settings = {**SMALL, **settings, "env_id": "GrayLights-v0", "total_steps": 512}
    whole = main(Config(**settings, keep_checkpoints=9, run_folder=folder))
    wanted, _ = read_newest(folder / "checkpoints")
    # Back to the middle of an episode.
    for checkpoint in sorted((folder / "checkpoints").iterdir())[2:]:
        checkpoint.unlink()
    resumed = main(Config(resume=folder))
    found, _ = read_newest(folder / "checkpoints")
    assert found["step"] == wanted["step"] == 512
    np.testing.assert_array_equal(whole.returns, resumed.returns)
    for name, arrays in wanted["agent"].items():
        for array, other in zip(arrays, found["agent"][name], strict=True):
            np.testing.assert_array_equal(array, other)
    for field, other in zip(*(s["replay"].newest(512) for s in (wanted, found))):
        np.testing.assert_array_equal(field, other)


def test_replicas_share_a_batch_of_images():
    config = Config(
        batch_size=4, updates_per_train=2, hidden_sizes=(8,), clipper="norm"
    )
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (2, 2, 4, *SHAPE), dtype=np.uint8)
    batches = Transitions(
        images[0],
        generator.integers(3, size=(2, 4)).astype(np.int32),
        generator.normal(size=(2, 4)).astype(np.float32),
        np.full((2, 4), 0.9, np.float32),
        images[1],
    )
    one = Agent(SHAPE, 3, config, tf.distribute.get_strategy())
    two = Agent(SHAPE, 3, config, mirrored(2))
    losses = [agent.update(batches).losses for agent in (one, two)]
    np.testing.assert_allclose(*losses, rtol=1e-4)
