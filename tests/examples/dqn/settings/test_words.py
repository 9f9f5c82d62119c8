"""Command lines as people write them."""

import io
import sys

import pytest

pytest.importorskip("tyro")

from examples.dqn.errors import ConfigError
from examples.dqn.settings.command_line import flags_of, parse_arguments
from examples.dqn.settings.config import Config
from examples.dqn.settings.tuned import tuned_config


@pytest.mark.parametrize(
    ("flags", "settings"),
    [
        ("--total-steps 1e5", {"total_steps": 100_000}),
        ("--total_steps=2.5E4", {"total_steps": 25_000}),
        ("--hidden-sizes 1e2 64", {"hidden_sizes": (100, 64)}),
        ("--max-episode-steps 1e3", {"max_episode_steps": 1000}),
        ("--learning-rate 1e-4", {"learning_rate": 1e-4}),
        ("--adam-epsilon 1e5", {"adam_epsilon": 1e5}),
        (
            "--epsilon-points 0 1.0 1e4 0.2",
            {"epsilon_schedule": "linear", "epsilon_points": ((0, 1.0), (10_000, 0.2))},
        ),
        (
            "--env-kwargs size=1e5 goal=[1,2]",
            {"env_kwargs": ("size=1e5", "goal=[1,2]")},
        ),
        ("--images none --wrapper a.b:c", {"images": "none", "wrapper": "a.b:c"}),
    ],
)
def test_good_words_arrive_and_come_back(flags, settings):
    config = parse_arguments(flags.split())
    assert config == tuned_config(Config.env_id, **settings)
    assert parse_arguments(flags_of(config)) == config


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ("--env CartPole-v1", "--env, CartPole-v1; did you mean --env-id?"),
        ("--lr 1e-3", "did you mean --learning-rate?"),
        ("--steps 5", "did you mean --total-steps?"),
        ("--tau 0.1", "did you mean --target-rate?"),
        ("--learning-rte 1", "did you mean --learning-rate or --learning-rate-end?"),
        ("--batch 1", "did you mean --batch-size?"),
        ("--total-steps 1.5e0", "invalid literal for int() with base 10: '1.5e0'"),
        ("--total-steps 1e-3", "invalid literal for int() with base 10: '1e-3'"),
        ("--env-kwargs size", "env_kwargs must be like name=value. Received: env_kw"),
        ("--env-kwargs 3=size", "env_kwargs must be like name=value"),
        ("--wrapper module", "wrapper must be like module:function. Received: wrap"),
        ("--eval-envs training --num-envs 2", "eval_envs='training' must go with num"),
        ("--max-episode-steps 0", "max_episode_steps must be None or at least 1"),
    ],
)
def test_bad_words(flags, told):
    with pytest.raises(ConfigError) as error:
        parse_arguments(flags.split())
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_bad_words_are_one_line_where_no_frame_can_be_printed(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())  # of no encoding
    with pytest.raises(ConfigError) as error:
        parse_arguments(["--env", "CartPole-v1"])
    told = "Unrecognized options: --env, CartPole-v1; did you mean --env-id?"
    assert str(error.value) == told


def test_nothing_is_suggested_where_nothing_is_near():
    with pytest.raises(ConfigError) as error:
        parse_arguments(["--xyzzy", "3"])
    assert str(error.value) == "Unrecognized options: --xyzzy, 3"


def test_arguments_of_an_environment_may_be_a_dictionary():
    arguments = {"size": 3, "name": "a b", "goal": (1, None)}
    config = Config(env_kwargs=arguments)
    assert config.env_arguments() == arguments
    assert parse_arguments(flags_of(config)) == config
    with pytest.raises(ConfigError, match="values of Python's own kinds"):
        Config(env_kwargs={"size": object()})


def test_first_transition_of_several_steps():
    config = Config(learning_starts=1, n_step=5, num_envs=3)
    assert config.first_update == 13
    with pytest.raises(ConfigError, match=r"after 13 of total_steps=12.*n_step=5"):
        Config(learning_starts=1, n_step=5, num_envs=3, total_steps=12)
