"""What is wrong with an environment is told in one line, before it is trained on."""

import pytest

pytest.importorskip("gymnasium")

from helpers.dqn_own_envs import FAULTY, SOUND, OnlyOne, register_all

from examples.dqn.envs.trying import Found, try_environment
from examples.dqn.errors import ConfigError
from examples.dqn.settings.run import EnvironmentSettings

register_all()


@pytest.mark.parametrize("name", FAULTY)
def test_faulty_environment(name):
    with pytest.raises(ConfigError) as error:
        try_environment(name)
    told = str(error.value)
    assert FAULTY[name][1] in told
    assert "\n" not in told
    assert told.startswith("env_id must name an environment that does what it decl")
    assert told.endswith(f"Received: env_id={name!r}")


@pytest.mark.parametrize("name", [*SOUND, "CartPole-v1", "FrozenLake-v1"])
def test_sound_environment(name):
    assert try_environment(name) == Found(has_mask=False)


def test_only_one_at_a_time():
    with pytest.raises(ConfigError, match=r"eval_envs must be 'training'.*in use"):
        try_environment("OwnOnlyOne-v0")
    assert not OnlyOne.alive
    try_environment("OwnOnlyOne-v0", alone=True)
    assert not OnlyOne.alive


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "missing 1 required positional argument: 'size'.*--env-kwargs name=value"),
        ({"env_kwargs": ("size=-1",)}, "negative dimensions.*env_kwargs=size=-1"),
        (
            {"env_kwargs": ("size=2",), "wrapper": "gymnasium:nothing"},
            "wrapper must name a function.*no attribute 'nothing'",
        ),
        (
            {"env_kwargs": ("size=2",), "wrapper": "builtins:repr"},
            "wrapper must name.*it returns a str.*wrapper='builtins:repr'",
        ),
    ],
    ids=str,
)
def test_environment_that_is_not_made(settings, told):
    with pytest.raises(ConfigError, match=told) as error:
        try_environment(EnvironmentSettings("OwnSized-v0", **settings))
    assert "\n" not in str(error.value)
