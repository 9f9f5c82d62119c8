"""Which environments can be made, and what is told of the others."""

import sys

import numpy as np
import pytest

gymnasium = pytest.importorskip("gymnasium")

from examples.dqn.envs.making import make_env, make_environments  # noqa: E402
from examples.dqn.envs.vector import VectorEnvironments  # noqa: E402
from examples.dqn.errors import ConfigError  # noqa: E402


@pytest.mark.parametrize(
    ("env_id", "words"),
    [
        ("NoSuchEnvironment-v0", ["env_id", "NoSuchEnvironment-v0", "doesn't exist"]),
        ("CartPole-v9", ["env_id", "CartPole-v9"]),
        ("", ["env_id", "''"]),
        ("Pendulum-v1", ["env_id", "Discrete actions", "Box(-2.0, 2.0"]),
    ],
)
def test_unfit_environment(env_id, words):
    with pytest.raises(ConfigError) as error:
        make_env(env_id)
    message = str(error.value)
    assert "\n" not in message
    assert all(word in message for word in words), message


@pytest.mark.parametrize("vectorization", ["sync", "async", "vector_entry_point"])
def test_gymnasium_steps_the_environments_if_asked(vectorization):
    envs = make_environments("CartPole-v1", 2, 0, 4, vectorization)
    try:
        assert isinstance(envs, VectorEnvironments)
        assert (envs.observation_shape, envs.num_actions) == ((4,), 2)
        steps = envs.step(np.array([0, 1]))
        assert steps.size == 2
        assert not steps.terminated.any()
    finally:
        envs.close()


def test_environment_without_a_vector_form():
    with pytest.raises(ConfigError) as error:
        make_environments("MountainCar-v0", 1, 0, 4, "vector_entry_point")
    assert "Received: vectorization='vector_entry_point'" in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_physics_are_told_with_our_extra(monkeypatch):
    for name in [*sys.modules]:
        if name.startswith("gymnasium.envs.box2d"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "Box2D", None)
    with pytest.raises(ConfigError, match=r"pip install -e '\.\[dqn,box2d\]'"):
        make_env("LunarLander-v3")
