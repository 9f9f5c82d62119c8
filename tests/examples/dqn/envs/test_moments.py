"""Running statistics are those of all that came."""

import numpy as np
import pytest

gymnasium = pytest.importorskip("gymnasium")

from examples.dqn.envs.environments import Steps  # noqa: E402
from examples.dqn.envs.moments import Moments, RewardScale  # noqa: E402


def test_moments_are_those_of_all_rows():
    rows = 1e4 + np.random.default_rng(0).normal(size=(100, 3)) * [1, 10, 0]
    moments = Moments((3,))
    np.testing.assert_array_equal(moments.variance, np.ones(3))
    for part in np.split(rows, [1, 2, 2, 50]):
        moments.push(part.astype(np.float64))
    np.testing.assert_allclose(moments.mean, rows.mean(axis=0))
    np.testing.assert_allclose(moments.variance, rows.var(axis=0), rtol=1e-6)


def steps(rewards, ended):
    count = len(rewards)
    none = np.zeros(count, bool)
    return Steps(
        *(np.zeros((count, 1)), np.zeros(count, int), np.array(rewards)),
        *(np.array(ended), none, np.zeros((count, 1)), np.arange(count)),
    )


def test_scale_is_the_spread_of_discounted_sums():
    scale = RewardScale(0.5, 2)
    sums, all_sums = np.zeros(2), []
    generator = np.random.default_rng(0)
    for _ in range(50):
        rewards, ended = generator.normal(size=2) * 7, generator.random(2) < 0.2
        scale.push(steps(rewards, ended))
        sums = 0.5 * sums + rewards
        all_sums += sums.tolist()
        sums[ended] = 0
    assert scale.value == pytest.approx(np.std(all_sums), rel=1e-6)
    scale.begin_episodes()
    scale.push(steps([1.0, 2.0], [False, False]))
    assert scale.value == pytest.approx(np.std([*all_sums, 1.0, 2.0]), rel=1e-6)


def test_scale_of_rewards_that_never_come():
    scale = RewardScale(0.9, 1)
    for _ in range(3):
        scale.push(steps([0.0], [False]))
    assert np.isfinite(1 / scale.value)
