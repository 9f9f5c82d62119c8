"""Whole runs on environments as people write them."""

import os
import signal
import time

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)
pytest.importorskip("gymnasium")
pytest.importorskip("matplotlib")
pytest.importorskip("tyro")

from helpers.dqn_own_envs import Side, register, register_all
from helpers.dqn_runs import SMALL, assert_same, run_until

from examples.dqn import evaluate as evaluate_module
from examples.dqn import play, trainer
from examples.dqn.agent import Agent
from examples.dqn.envs.making import make_env
from examples.dqn.networks.normalization import moments_of
from examples.dqn.parts import Parts
from examples.dqn.runs import interrupt
from examples.dqn.runs.checkpoint import read_newest
from examples.dqn.runs.folder import read_config
from examples.dqn.settings.command_line import flags_of
from examples.dqn.settings.config import Config
from examples.dqn.train import main, run_command

register_all()
QUICK = {**SMALL, "total_steps": 768, "learning_starts": 256}


def words(folder, **settings):
    return ["--run-folder", str(folder), *flags_of(Config(**{**QUICK, **settings}))]


@pytest.mark.parametrize(
    "settings",
    [
        {"env_id": "OwnInts-v0", "train_every": 64},
        {"env_id": "OwnParts-v0", "num_envs": 2, "vectorization": "sync"},
        {"env_id": "OwnSized-v0", "env_kwargs": ("size=3",), "eval_envs": "one"},
        {"env_id": "OwnEndless-v0", "max_episode_steps": 30},
        {"env_id": "OwnOnlyOne-v0", "eval_envs": "training"},
        {"env_id": "OwnMasked-v0", "num_envs": 2, "vectorization": "sync"},
    ],
    ids=lambda settings: settings["env_id"],
)
def test_run_and_what_is_played_afterwards(settings, tmp_path, capsys):
    assert run_command(words(tmp_path / "run", **settings)) == 0
    assert play.run_command([str(tmp_path / "run"), "--episodes", "2"]) == 0
    assert "mean return" in capsys.readouterr().out.splitlines()[-1]


def test_whatever_kind_the_first_observation_has_the_run_is_the_same(tmp_path):
    register("OwnPlain-v0", Side)
    for name in ("OwnPlain", "OwnInts", "OwnDoubles", "OwnReward"):
        main(Config(**QUICK, env_id=f"{name}-v0", run_folder=tmp_path / name))
    tables = [(folder / "metrics.csv").read_text() for folder in tmp_path.iterdir()]
    assert len(tables) == 4
    assert len({*tables}) == 1


def test_run_that_learns_before_its_first_transition(tmp_path):
    settings = dict(learning_starts=1, train_every=4, updates_per_train=1, n_step=5)
    settings |= dict(total_steps=60, run_folder=tmp_path)
    config = Config(**{**QUICK, **settings})
    assert main(config).updates == config.total_updates == 14


@pytest.mark.parametrize(
    "settings",
    [
        dict(env_id="OwnEndless-v0", eval_envs="training", n_step=3, eval_every=128),
        dict(env_id="OwnMasked-v0", dueling=True, distributional=True),
        dict(normalize_observations=True, scale_rewards=True, num_envs=2, n_step=2),
    ],
    ids=["training", "mask", "normalized"],
)
def test_resumed_run_equals_an_undisturbed_one(settings, tmp_path):
    settings = settings | dict(max_episode_steps=30)
    main(Config(**{**SMALL, **settings}, run_folder=tmp_path / "whole"))
    run_until(890, tmp_path / "broken", **settings)
    main(Config(resume=tmp_path / "broken"))
    assert_same(tmp_path / "whole", tmp_path / "broken")


def test_run_of_an_own_network_is_normalised_masked_and_resumed(tmp_path):
    def network(shape, actions):
        layers = [keras.layers.Dense(8, "tanh"), keras.layers.Dense(actions)]
        return keras.Sequential([keras.Input(shape), *layers])

    settings = dict(env_id="OwnMasked-v0", normalize_observations=True)
    parts = Parts(network=network)
    settings = {**SMALL, **settings, "max_episode_steps": 30}
    whole = main(Config(**settings, run_folder=tmp_path / "whole"), parts)
    assert whole.policy.masked
    with pytest.MonkeyPatch.context() as patch:
        due = lambda self, _: self.step == 890  # noqa: E731
        patch.setattr(interrupt, "PATIENCE", 0.0)
        signal_when(patch, trainer.Trainer, "_remember", due)
        main(Config(**settings, run_folder=tmp_path / "broken"), parts)
    assert read_newest(tmp_path / "broken" / "checkpoints")[0]["step"] == 891
    main(Config(resume=tmp_path / "broken"), parts)
    assert_same(tmp_path / "whole", tmp_path / "broken")
    assert play.run_command([str(tmp_path / "whole"), "--episodes", "2"]) == 0


def test_loss_that_is_not_finite_ends_the_run_with_one_line(
    tmp_path, capsys, monkeypatch
):
    update = Agent.update

    def diverged(self, batches, weights):
        found = update(self, batches, weights)
        if self.updates > 30:
            found.losses[3] = np.nan
        return found

    monkeypatch.setattr(Agent, "update", diverged)
    assert run_command(words(tmp_path / "run")) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "not finite at update 28, before step 640: the network has div" in told
    assert read_newest(tmp_path / "run" / "checkpoints")[0]["step"] == 512


def test_mask_is_found_and_kept(tmp_path):
    result = main(Config(**QUICK, env_id="OwnMasked-v0", run_folder=tmp_path / "run"))
    assert read_config(tmp_path / "run").action_mask == "on"
    state, _ = read_newest(tmp_path / "run" / "checkpoints")
    newest = state["replay"].newest(700)
    # Two numbers and the mask, in which one action is forbidden; it is not taken.
    masks = newest.observations[:, 2:]
    assert (masks.sum(axis=1) == 2).all()
    assert masks[np.arange(700), newest.actions].all()
    assert {*newest.actions} == {0, 1, 2}
    assert result.returns.size == 3


def test_forbidden_actions_are_taken_where_masks_are_switched_off(tmp_path, capsys):
    assert run_command(words(tmp_path, env_id="OwnMasked-v0", action_mask="off")) == 1
    assert "(AssertionError: it is forbidden)" in capsys.readouterr().err


def test_statistics_are_those_of_what_was_played(tmp_path):
    settings = dict(normalize_observations=True, scale_rewards=True, reward_clip=None)
    settings |= dict(env_id="CartPole-v1", keep="last", run_folder=tmp_path)
    main(Config(**{**QUICK, **settings}))
    state, _ = read_newest(tmp_path / "checkpoints")
    after = state["replay"].newest(768).next_observations
    loaded = keras.saving.load_model(tmp_path / "policy.keras", compile=False)
    mean, variance = moments_of(loaded)
    np.testing.assert_allclose(mean, after.mean(axis=0), rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(variance, after.var(axis=0), rtol=1e-3)
    assert set(state["replay"].newest(768).rewards) == {1.0}
    assert 2 < state["reward_scale"].value < 20


def signal_when(monkeypatch, place, name, due):
    """Sends SIGTERM once, before something that is due."""
    original, sent = getattr(place, name), []

    def signalled(*arguments, **settings):
        if due(*arguments) and not sent:
            sent.append(True)
            os.kill(os.getpid(), signal.SIGTERM)
        return original(*arguments, **settings)

    monkeypatch.setattr(place, name, signalled)


@pytest.mark.parametrize("where", ["evaluation", "cycle"])
def test_signal_is_heard_in_the_middle_and_nothing_is_lost(
    where, tmp_path, capsys, monkeypatch
):
    settings = {**QUICK, "env_id": "OwnEndless-v0", "max_episode_steps": 40}
    main(Config(**settings, run_folder=tmp_path / "whole"))
    with monkeypatch.context() as patch:
        patch.setattr(interrupt, "PATIENCE", 0.0)
        if where == "evaluation":
            signal_when(patch, trainer.Trainer, "_tick", lambda *_: True)
            step = 512
        else:
            due = lambda self, _: self.step == 300  # noqa: E731
            signal_when(patch, trainer.Trainer, "_remember", due)
            step = 301
        assert run_command(words(tmp_path / "run", **settings)) == 0
    assert f"SIGTERM: stopped at step {step}, saved" in capsys.readouterr().out
    assert read_newest(tmp_path / "run" / "checkpoints")[0]["step"] == step
    main(Config(resume=tmp_path / "run"))
    assert_same(tmp_path / "whole", tmp_path / "run")


def test_long_evaluation_tells_that_it_goes_on(tmp_path, capsys, monkeypatch):
    settings = {**QUICK, "env_id": "OwnEndless-v0", "max_episode_steps": 40}
    clock = iter(range(0, 10**9, 5))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    assert run_command(words(tmp_path / "run", **settings)) == 0
    told = capsys.readouterr().out
    assert "greedy episodes: 2 to go at step " in told
    assert "--max-episode-steps ends them earlier" in told


def test_environments_of_an_evaluation_are_closed_when_it_is_left(monkeypatch):
    closed = []
    monkeypatch.setattr(Side, "close", lambda self: closed.append(self), raising=False)

    class First:
        frame_stack = None

        def greedy(self, observations):
            return np.zeros(len(observations), int)

    def leave(step, playing):
        assert (step, playing) == (1, 3)
        raise trainer.Stopped

    with pytest.raises(trainer.Stopped):
        evaluate_module.evaluate(First(), "OwnEndless-v0", 3, 0, leave)
    assert len(closed) == 3
    env = make_env("OwnEndless-v0")
    with pytest.raises(trainer.Stopped):
        evaluate_module.evaluate(First(), "OwnEndless-v0", 3, 0, leave, "one", env)
    assert len(closed) == 3  # It is not ours.
