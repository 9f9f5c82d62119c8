"""Each switch changes what it should, and nothing else."""

from dataclasses import asdict

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)
pytest.importorskip("gymnasium")

import tensorflow as tf

from examples.dqn.agent import Agent
from examples.dqn.envs.making import make_environments
from examples.dqn.replay.prioritized import PrioritizedSampler
from examples.dqn.replay.uniform import UniformSampler
from examples.dqn.settings.config import Config
from examples.dqn.trainer import Trainer

SMALL = dict(
    hidden_sizes=(8, 8),
    total_steps=400,
    learning_starts=200,
    train_every=200,
    updates_per_train=4,
    target_period=4,
    batch_size=8,
    learning_rate=0.05,
    learning_rate_schedule="constant",
    eval_every=10_000,
    clipper="clip_by_norm",
    # Until learning starts everybody plays alike.
    epsilon_schedule="piecewise",
    epsilon_points=((0, 1.0), (200, 1.0), (201, 0.1)),
)

# What is learned from, how, and with what network.
REPLAY, RULE, NETWORK = "replay", "rule", "network"
SWITCHES = [
    ({"double": False}, {RULE}),
    ({"loss": "mse", "huber_delta": 1.0}, {RULE}),
    ({"huber_delta": 0.1}, {RULE}),
    ({"advantage_learning": 0.5}, {RULE}),
    ({"target_period": 2}, {RULE}),
    ({"target_period": 1, "target_rate": 0.1}, {RULE}),
    ({"learning_rate": 0.01}, {RULE}),
    ({"clipper": "none"}, {RULE}),
    ({"clip_scope": "variable"}, {RULE}),
    ({"prioritized": True}, {RULE}),
    ({"n_step": 3}, {REPLAY, RULE}),
    ({"gamma": 0.5}, {REPLAY, RULE}),
    ({"dueling": True}, {NETWORK, RULE}),
    ({"layer_norm": True}, {NETWORK, RULE}),
    ({"noisy": True}, {NETWORK, RULE}),
    ({"mixed_precision": True}, {RULE}),
    ({"distributional": True}, {NETWORK, RULE}),
    ({"scale_rewards": True}, {RULE}),
    # Its statistics are weights from the start.
    ({"normalize_observations": True}, {NETWORK, RULE}),
]


@pytest.fixture(autouse=True, scope="module")
def eager():
    """Compiling each of many small agents would take a minute."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


class Silent:
    def record(self, row):
        self.row = row


def play(**settings):
    """(Replay contents, first weights, weights after three blocks of updates)."""
    config = Config(**{**SMALL, "clip_max_norm": 0.05, **settings})
    envs = make_environments(config.env_id, config.num_envs, 3, config.frame_stack)
    agent = Agent((4,), 2, config, tf.distribute.get_strategy())
    before = agent.online.get_weights()
    generator = np.random.default_rng(0)
    trainer = Trainer(config, agent, envs, Silent(), generator, 0)
    trainer._collect(200)
    contents = trainer.replay.newest(len(trainer.replay))
    for _ in range(3):
        trainer._learn()
    return contents, before, agent.online.get_weights()


def same(first, second):
    return len(first) == len(second) and all(
        a.shape == b.shape and (np.array(a) == np.array(b)).all()
        for a, b in zip(first, second)
    )


@pytest.fixture(scope="module")
def plain():
    return play()


def test_the_comparison_repeats(plain):
    assert all(same(part, again) for part, again in zip(plain, play()))


@pytest.mark.parametrize(("switch", "changed"), SWITCHES, ids=str)
def test_switch(switch, changed, plain):
    other = play(**switch)
    parts = (REPLAY, NETWORK, RULE)
    found = {name for name, a, b in zip(parts, plain, other) if not same(a, b)}
    assert found == changed


def test_prioritized_is_another_sampler():
    for prioritized, kind in [(False, UniformSampler), (True, PrioritizedSampler)]:
        config = Config(**SMALL, prioritized=prioritized)
        envs = make_environments(config.env_id, config.num_envs, 3, config.frame_stack)
        agent = Agent((4,), 2, config, tf.distribute.get_strategy())
        generator = np.random.default_rng(0)
        trainer = Trainer(config, agent, envs, Silent(), generator, 0)
        assert type(trainer.replay.sampler) is kind


def test_every_switch_of_the_learning_rule_is_tried_here():
    tried = {name for switch, _ in SWITCHES for name in switch}
    elsewhere = {
        # Of the run, its amounts and its files.
        *("env_id", "seed", "total_steps", "num_envs", "vectorization"),
        "learning_starts",
        *("train_every", "updates_per_train", "batch_size", "replay_size"),
        *("strategy", "logical_devices", "threads", "eval_every", "eval_episodes"),
        *("xla", "checkpoint_every", "keep_checkpoints", "resume"),
        # In `test_own_environments.py` and `test_plain_numbers.py`.
        *("env_kwargs", "max_episode_steps", "wrapper", "images", "action_mask"),
        "eval_envs",
        # In `runs/test_going_on.py`.
        *("init_from", "checkpoint_replay"),
        *("keep", "final_episodes", "run_folder", "hidden_sizes", "video"),
        # Tested in `test_schedules.py` and `test_agent.py`.
        *("epsilon_schedule", "epsilon_start", "epsilon_end", "epsilon_fraction"),
        *("epsilon_points", "learning_rate_end", "learning_rate_schedule"),
        *("adam_epsilon", "clip_percentile", "clip_window", "clip_max_norm"),
        "clip_value",
        # Tested in `test_images.py` and `replay/test_nstep.py`.
        *("frame_stack", "reward_clip"),
        # Parts of a switch.
        *("priority_exponent", "priority_correction", "quantiles", "noisy_sigma"),
    }
    assert tried | elsewhere == set(asdict(Config()))
    assert not tried & elsewhere
