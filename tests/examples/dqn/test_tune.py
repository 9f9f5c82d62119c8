"""A sweep: its space, its pruning, and a study in a file that processes share."""

import json
from dataclasses import fields
from types import SimpleNamespace

import keras
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)
pytest.importorskip("gymnasium")
pytest.importorskip("matplotlib")
pytest.importorskip("tyro")

from examples.dqn import tune
from examples.dqn.callbacks import Moment
from examples.dqn.runs.history import History
from examples.dqn.settings.config import Config
from examples.dqn.settings.search_space import SPACE, Among, Between
from examples.dqn.settings.tuned import tuned_config


def test_the_space_has_settings_that_a_run_takes():
    names = {field.name for field in fields(Config)}
    for name, range_ in SPACE.items():
        assert name in names
        ends = (
            (range_.low, range_.high) if isinstance(range_, Between) else range_.values
        )
        for value in ends:
            tuned_config("CartPole-v1", **{name: value})


def test_what_a_trial_chooses_is_what_the_study_gives_back():
    trial = SimpleNamespace(
        suggest_float=lambda name, low, high, log: high,
        suggest_categorical=lambda name, choices: choices[-1],
    )
    chosen = tune.suggest(trial, SPACE)
    for name, range_ in SPACE.items():
        if isinstance(range_, Among):
            assert chosen[name] == range_.values[-1]
            kept = json.dumps(range_.values[-1])
            assert tune._value(name, kept) == range_.values[-1]
        else:
            assert chosen[name] == range_.high


@pytest.mark.parametrize("bad", [False, True])
def test_a_bad_trial_ends_at_an_evaluation(bad):
    told = []
    trial = SimpleNamespace(
        report=lambda value, step: told.append((value, step)),
        should_prune=lambda: bad,
    )
    moment = Moment(Config(), None, History(evaluations=[(500, 9.0), (1000, 12.0)]))
    pruning = tune.Pruning(trial, before=4)
    pruning.on_evaluation(moment)
    assert told == [(12.0, 6)]
    assert pruning.pruned == bad
    assert bool(moment.stopped) == bad


SHORT = dict(
    learning_starts=200,
    updates_per_train=4,
    hidden_sizes=(8,),
    eval_every=300,
    eval_episodes=1,
    xla=False,
)


def test_a_study_is_gone_on_with_and_leaves_pictures(tmp_path, monkeypatch, capsys):
    pytest.importorskip("optuna")
    monkeypatch.setattr(tune, "SPACE", {"gamma": Among((0.9, 0.99))})
    base = tune._base
    monkeypatch.setattr(
        tune, "_base", lambda settings, chosen: base(settings, {**SHORT, **chosen})
    )
    flags = ["--study-folder", str(tmp_path), "--total-steps", "600"]
    flags += ["--final-episodes", "2"]
    assert tune.run_command([*flags, "--trials", "2"]) == 0
    assert tune.run_command([*flags, "--trials", "1"]) == 0
    told = capsys.readouterr().out
    assert "best of 3 trials" in told
    assert "--env-id CartPole-v1" in told
    best = json.loads((tmp_path / "best.json").read_text())
    assert best["settings"]["gamma"] in (0.9, 0.99)
    for name in ("history", "evaluations", "settings"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert len(list((tmp_path / "runs").iterdir())) == 3


def test_jobs_share_the_trials(tmp_path, monkeypatch):
    asked = []

    def popen(command, **_):
        asked.append(command[command.index("--trials") + 1])
        return SimpleNamespace(wait=lambda: 0)

    monkeypatch.setattr(tune.subprocess, "Popen", popen)
    tune._share(tune.Tune(trials=5, jobs=3, study_folder=tmp_path))
    assert asked == ["2", "2", "1"]


def test_without_optuna_it_is_said_in_one_line(monkeypatch, capsys):
    import sys

    monkeypatch.setitem(sys.modules, "optuna", None)
    assert tune.run_command([]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "pip install -e '.[dqn,tune]'" in told
