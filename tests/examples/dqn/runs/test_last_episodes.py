"""A signal ends the final episodes, and they can be played later."""

import os
import signal

import keras
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)
pytest.importorskip("gymnasium")
pytest.importorskip("matplotlib")
pytest.importorskip("tyro")

from helpers.dqn_own_envs import register_all
from helpers.dqn_runs import SMALL

from examples.dqn import evaluate as evaluate_module
from examples.dqn.runs import interrupt, last_episodes
from examples.dqn.settings.command_line import flags_of
from examples.dqn.settings.config import Config
from examples.dqn.train import run_command

register_all()
QUICK = {**SMALL, "total_steps": 768, "learning_starts": 256}


def words(folder, **settings):
    return ["--run-folder", str(folder), *flags_of(Config(**{**QUICK, **settings}))]


def test_signal_ends_the_final_episodes(tmp_path, capsys, monkeypatch):
    settings = {**QUICK, "env_id": "OwnEndless-v0", "max_episode_steps": 40}
    with monkeypatch.context() as patch:
        patch.setattr(interrupt, "PATIENCE", 0.0)
        patch.setattr("examples.dqn.runs.last_episodes.evaluate", signalled_evaluate)
        assert run_command(words(tmp_path / "run", **settings)) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert f"no score; --resume {tmp_path / 'run'} goes on" in told
    assert (tmp_path / "run" / "policy.keras").exists()
    assert not (tmp_path / "run" / "result.json").exists()
    assert run_command(["--resume", str(tmp_path / "run")]) == 0
    assert (tmp_path / "run" / "result.json").exists()


def signalled_evaluate(policy, played, episodes, seed, tick, envs):
    os.kill(os.getpid(), signal.SIGTERM)
    return evaluate_module.evaluate(policy, played, episodes, seed, tick, envs)


def test_episodes_of_an_interrupted_run_are_given_up(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(last_episodes, "FAREWELL", -1.0)
    settings = {**QUICK, "env_id": "OwnEndless-v0", "max_episode_steps": 40}
    with monkeypatch.context() as patch:
        patch.setattr(interrupt.Interrupt, "__enter__", enter_interrupted)
        assert run_command(words(tmp_path / "run", **settings)) == 1
    told = capsys.readouterr()
    assert "SIGTERM: stopped at step 0, saved" in told.out
    assert "there is no score" in told.err


def enter_interrupted(self):
    self._before = {}
    self.name = "SIGTERM"
    return self
