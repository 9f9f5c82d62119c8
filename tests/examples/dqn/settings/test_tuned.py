"""Settings that an environment brings."""

import pytest

pytest.importorskip("tyro")

from examples.dqn.settings.command_line import parse_arguments
from examples.dqn.settings.config import Config
from examples.dqn.settings.tuned import TUNED, tuned_config


@pytest.mark.parametrize("flag", ["--env-id ID", "--env-id=ID", "--env_id ID"])
def test_an_environment_brings_its_tuned_settings(flag, monkeypatch):
    monkeypatch.setitem(TUNED, "ID", {"gamma": 0.5, "n_step": 3})
    config = parse_arguments([*flag.split(), "--n-step", "2"])
    assert config == Config(env_id="ID", gamma=0.5, n_step=2)
    assert parse_arguments([]) == tuned_config("CartPole-v1")


def test_tuned_settings_are_settings():
    for env_id, settings in TUNED.items():
        config = tuned_config(env_id)
        assert config.env_id == env_id
        assert all(getattr(config, name) == settings[name] for name in settings)
