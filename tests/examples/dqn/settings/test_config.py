"""What the settings of a run come to, and what they need of each other."""

from dataclasses import FrozenInstanceError, fields
from itertools import product
from pathlib import Path

import pytest

from examples.dqn.errors import ConfigError
from examples.dqn.settings.config import Config, machine_settings, sections


def updates_of_the_loop(config):
    """The loop of the trainer, stripped to its counting."""
    step = updates = 0
    while step < config.total_steps:
        end = min(step + config.train_every, config.total_steps)
        while step < end:
            step = min(step + config.num_envs, config.total_steps)
        if step >= config.learning_starts:
            updates += config.updates_per_train
    return updates


@pytest.mark.parametrize("every", [1, 8, 30, 200])
def test_total_updates_are_those_of_the_loop(every):
    totals, starts = (100, 101, 107, 128), (1, 7, 8, 9, 95, 97, 100)
    for total, start, num_envs in product(totals, starts, {1, every}):
        config = Config(
            total_steps=total,
            learning_starts=start,
            train_every=every,
            updates_per_train=3,
            num_envs=num_envs,
        )
        assert config.total_updates == updates_of_the_loop(config), config


def test_total_updates_where_cycles_are_of_no_round_number():
    # Cycles of 6 steps, not of 4: the learning rate does not come to its end.
    config = Config(
        total_steps=600, learning_starts=100, train_every=4, num_envs=3, batch_size=8
    )
    assert config.total_updates == updates_of_the_loop(config)


def test_each_setting_is_in_one_section_and_in_their_order():
    names = [part.name for kind in sections().values() for part in fields(kind)]
    assert names == [part.name for part in fields(Config)]
    assert len({*names}) == len(names)
    assert [*sections()][::9] == ["environment", "files"]
    assert all(isinstance(Config(), kind) for kind in sections().values())


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {}),
        ({"seed": 3, "run_folder": Path("a"), "gamma": 0.5}, {}),
        ({"threads": 2, "seed": 3}, {"threads": 2}),
        (
            {"strategy": "mirrored", "logical_devices": 2, "xla": False, "threads": 4},
            {"strategy": "mirrored", "logical_devices": 2, "xla": False, "threads": 4},
        ),
    ],
)
def test_settings_of_the_machine_that_are_not_the_defaults(settings, expected):
    assert machine_settings(Config(**settings)) == expected


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (
            {"hidden_sizes": ()},
            "hidden_sizes must name one or more layers. Received: hidden_sizes=()",
        ),
        (
            {"epsilon_points": ()},
            "epsilon_points must have one or more steps that start at 0 or later and "
            "rise. Received: epsilon_points=()",
        ),
        ({"epsilon_points": ((-1, 0.5),)}, "start at 0 or later"),
        ({"epsilon_points": ((0, 1.0), (5, 0.5), (5, 0.1))}, "and rise"),
        ({"epsilon_points": ((0, 1.0), (5, 1.5))}, "epsilons in [0, 1]"),
        ({"epsilon_points": ((0, float("nan")),)}, "epsilons in [0, 1]"),
        (
            {"epsilon_schedule": "exponential", "epsilon_end": 0.0},
            "above 0 for the exponential schedule. Received: epsilon_start=1.0, "
            "epsilon_end=0.0",
        ),
        (
            {"total_steps": 10, "learning_starts": 11},
            "learning_starts must be at most total_steps=10. Received: "
            "learning_starts=11",
        ),
        (
            {"replay_size": 63, "batch_size": 64},
            "replay_size must be at least batch_size=64. Received: replay_size=63",
        ),
        ({"gamma": 1.5}, "gamma must be in [0, 1]. Received: gamma=1.5"),
    ],
    ids=str,
)
def test_what_does_not_go_together_is_told_in_one_line(settings, told):
    with pytest.raises(ConfigError) as error:
        Config(**settings)
    assert told in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"total_steps": 10, "learning_starts": 10},
        {"replay_size": 64, "batch_size": 64},
        {"epsilon_points": ((0, 0.0), (1, 1.0))},
        {"epsilon_schedule": "linear", "epsilon_end": 0.0},
    ],
    ids=str,
)
def test_what_just_goes_together(settings):
    config = Config(**settings)
    assert {name: getattr(config, name) for name in settings} == settings


def test_settings_cannot_be_changed_past_their_checks():
    with pytest.raises(FrozenInstanceError):
        Config().gamma = 2.0
