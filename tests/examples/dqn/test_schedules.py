"""Epsilon schedules: ends, middle, monotony."""

from itertools import pairwise

import pytest

from examples.dqn.schedules import (
    Constant,
    Exponential,
    Linear,
    Piecewise,
    epsilon_schedule,
)
from examples.dqn.settings.config import Config

POINTS = ((0, 1.0), (100, 0.5), (200, 0.1))


@pytest.mark.parametrize(
    ("schedule", "answers"),
    [
        (Linear(1.0, 0.2, 100), {0: 1.0, 25: 0.8, 50: 0.6, 100: 0.2, 10**6: 0.2}),
        (Constant(0.3), {0: 0.3, 10**6: 0.3}),
        (Linear(0.3, 0.3, 1), {0: 0.3, 1: 0.3, 50: 0.3}),
        (Exponential(1.0, 0.01, 100), {0: 1.0, 50: 0.1, 100: 0.01, 10**6: 0.01}),
        (Piecewise(POINTS), {0: 1.0, 50: 0.75, 100: 0.5, 150: 0.3, 200: 0.1, 999: 0.1}),
        (Piecewise(((10, 0.4),)), {0: 0.4, 10: 0.4, 20: 0.4}),
    ],
)
def test_known_answers(schedule, answers):
    assert {step: schedule(step) for step in answers} == pytest.approx(answers)


@pytest.mark.parametrize(
    "schedule",
    [Linear(1.0, 0.2, 100), Exponential(1.0, 0.01, 100), Piecewise(POINTS)],
)
def test_falls_with_every_step_until_its_end(schedule):
    values = [schedule(step) for step in range(101)]
    assert all(before > after for before, after in pairwise(values))


@pytest.mark.parametrize("name", ["linear", "exponential"])
def test_configured_decay_takes_its_part_of_the_run(name):
    config = Config(
        epsilon_schedule=name,
        total_steps=1000,
        epsilon_fraction=0.2,
        epsilon_start=0.8,
        epsilon_end=0.05,
    )
    epsilon = epsilon_schedule(config, config.total_steps)
    assert epsilon(0) == pytest.approx(0.8)
    assert epsilon(199) > 0.0501
    assert epsilon(200) == pytest.approx(0.05)


def test_configured_points():
    config = Config(epsilon_schedule="piecewise", epsilon_points=POINTS)
    assert epsilon_schedule(config, config.total_steps)(150) == pytest.approx(0.3)


def test_configured_constant():
    config = Config(epsilon_schedule="constant", epsilon_start=1.0, epsilon_end=0.2)
    assert {
        epsilon_schedule(config, config.total_steps)(step) for step in (0, 100, 10**6)
    } == {0.2}
