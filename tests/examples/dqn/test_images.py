# ruff: noqa: E402
"""Runs that learn from images, and what becomes of them."""

import keras
import numpy as np
import pytest
from helpers.dqn_runs import assert_same, run_until
from helpers.replicas import mirrored

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)
gymnasium = pytest.importorskip("gymnasium")
pytest.importorskip("matplotlib")
pytest.importorskip("tyro")
Image = pytest.importorskip("PIL.Image")

import tensorflow as tf

from examples.dqn import play
from examples.dqn.agent import Agent
from examples.dqn.envs.frame_stacking import FrameStacking
from examples.dqn.envs.making import make_env, make_environments
from examples.dqn.envs.returns import Returns
from examples.dqn.evaluate import evaluate
from examples.dqn.networks.q_network import build_q_network
from examples.dqn.play import load_policy
from examples.dqn.replay.transitions import Transitions
from examples.dqn.runs.checkpoint import read_newest
from examples.dqn.runs.folder import write_config
from examples.dqn.settings.command_line import flags_of
from examples.dqn.settings.config import Config
from examples.dqn.train import main, run_command

ALL = {"dueling": True, "distributional": True, "layer_norm": True, "noisy": True}


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
    clipper="clip_by_norm",
    target_period=16,
    eval_every=512,
    eval_episodes=4,
    final_episodes=10,
    checkpoint_every=256,
    xla=False,
)


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
    envs = make_environments(env_id, 2, 0, 4, vectorization)
    returns, finished = Returns(2), []
    assert envs.observation_shape == shape
    assert envs.observations.shape == (2, *shape)
    assert isinstance(envs, FrameStacking) == (len(shape) > 1)
    for _ in range(10):
        finished += returns.push(envs.step(np.zeros(2, int)))
    assert len(finished) >= 2
    envs.close()


def test_flat_observations_stay_as_they_are():
    assert "Flatten" not in str(make_env("CartPole-v1"))


def test_command_learns_from_images(tmp_path, capsys):
    flags = flags_of(Config(**SMALL, env_id="Lights-v0", run_folder=tmp_path / "run"))
    assert run_command(flags) == 0
    out = capsys.readouterr().out
    # Eight steps of 5 are the most, and half of it is luck; rewards were clipped
    # to 1 for the learner alone.
    score = float(out.split("mean return ")[1].split(" ")[0])
    assert score == 40.0
    state, _ = read_newest(tmp_path / "run" / "checkpoints")
    assert set(state["replay"].newest(1024).rewards) == {0.0, 1.0}
    assert max(value for _, value in state["history"].episodes) > 20


@pytest.mark.parametrize(
    "settings",
    [
        dict(num_envs=3, n_step=2),
        dict(n_step=3, prioritized=True, quantiles=3, **ALL),
        dict(eval_envs="training", eval_every=128),
    ],
    ids=["plain", "all switches", "one environment"],
)
def test_resumed_run_of_images_equals_an_undisturbed_one(settings, tmp_path):
    settings = {**SMALL, **settings, "env_id": "GrayLights-v0", "total_steps": 512}
    whole = main(Config(**settings, run_folder=tmp_path / "whole"))
    # In the middle of an episode.
    run_until(300, tmp_path / "broken", **settings)
    resumed = main(Config(resume=tmp_path / "broken"))
    assert_same(tmp_path / "whole", tmp_path / "broken")
    np.testing.assert_array_equal(whole.returns, resumed.returns)


def test_replicas_share_a_batch_of_images():
    config = Config(
        batch_size=4, updates_per_train=2, hidden_sizes=(8,), clipper="clip_by_norm"
    )
    shape = (2, 10, 9, 3)
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (2, 2, 4, *shape), dtype=np.uint8)
    batches = Transitions(
        images[0],
        generator.integers(3, size=(2, 4)).astype(np.int32),
        generator.normal(size=(2, 4)).astype(np.float32),
        np.full((2, 4), 0.9, np.float32),
        images[1],
    )
    one = Agent(shape, 3, config, tf.distribute.get_strategy())
    two = Agent(shape, 3, config, mirrored(2))
    losses = [agent.update(batches).losses for agent in (one, two)]
    np.testing.assert_allclose(*losses, rtol=1e-4)
