"""What fails around a run ends it with one line, and nothing is lost."""

from pathlib import Path

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)
pytest.importorskip("gymnasium")
pytest.importorskip("matplotlib")
pytest.importorskip("tyro")

import gymnasium
from helpers.dqn_runs import SMALL, assert_same, run_until

from examples.dqn import evaluate
from examples.dqn.envs.plain_numbers import PlainNumbers
from examples.dqn.errors import ConfigError, RunError
from examples.dqn.runs.checkpoint import read_newest
from examples.dqn.settings.command_line import flags_of, run_reporting
from examples.dqn.settings.config import Config
from examples.dqn.train import main, run_command


class Failing(gymnasium.Env):
    """Plays for a while, then does what `fault` says."""

    observation_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)
    good_steps = 10**9

    def __init__(self, fault):
        self.fault, self.steps = fault, 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(2, np.float32), {}

    def step(self, action):
        self.steps += 1
        result = np.ones(2, np.float32), 1.0, False, self.steps % 10 == 0, {}
        if self.steps <= self.good_steps:
            return result
        if self.fault == "raises":
            raise ValueError("the simulator\nhas crashed")
        if self.fault == "four values":
            return result[:4]
        if self.fault == "wrong shape":
            return np.ones(3, np.float32), *result[1:]
        if self.fault == "NaN observation":
            return np.full(2, np.nan, np.float32), *result[1:]
        return result[0], float("nan"), *result[2:]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("raises", "ValueError: the simulator has crashed"),
        ("four values", "step gave a tuple of 4, not (observation, reward, "),
        ("wrong shape", "observation of shape (3,), declared is (2,)"),
        ("NaN observation", "observations that are not finite"),
        ("NaN reward", "rewards that are not finite"),
    ],
)
def test_faulty_environment_ends_the_run_with_one_line(
    fault, words, tmp_path, capsys, monkeypatch
):
    name = f"Failing{fault.title().replace(' ', '')}-v0"
    if name not in gymnasium.registry:
        gymnasium.register(name, lambda fault: Failing(fault), kwargs={"fault": fault})
    settings = {**SMALL, "env_id": name, "eval_every": 10**6}
    monkeypatch.setattr(Failing, "good_steps", 800)
    flags = ["--run-folder", str(tmp_path / "run"), *flags_of(Config(**settings))]
    assert run_command(flags) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert told.startswith(f"error: {name} ")
    assert words in told
    # The checkpoint before it is usable, once the environment is mended.
    monkeypatch.undo()
    assert read_newest(tmp_path / "run" / "checkpoints")[0]["step"] == 768
    assert main(Config(resume=tmp_path / "run")).updates == 8 * 9


def test_environment_that_fails_in_an_evaluation(tmp_path, capsys, monkeypatch):
    def crash(_):
        raise ValueError("the simulator\nhas crashed")

    env = gymnasium.make("CartPole-v1")
    env.step = crash
    monkeypatch.setattr(evaluate, "make_env", lambda _: PlainNumbers(env))
    flags = ["--run-folder", str(tmp_path / "run"), *flags_of(Config(**SMALL))]
    assert run_command(flags) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    words = "fails in a greedy episode (ValueError: the simulator has crashed)"
    assert told == f"error: CartPole-v1 {words}\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full disk to try")
def test_full_disk_under_the_metrics(tmp_path, capsys):
    run = tmp_path / "run"
    run_until(300, run)
    metrics = (run / "metrics.csv").read_text()
    (run / "metrics.csv").unlink()
    (run / "metrics.csv").symlink_to("/dev/full")
    capsys.readouterr()
    assert run_command(["--resume", str(run)]) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "No space left" in told
    (run / "metrics.csv").unlink()
    assert run_command(["--resume", str(run)]) == 0
    assert (run / "metrics.csv").read_text().startswith(metrics[:200])


def test_interrupt_outside_of_training_is_one_line(capsys):
    def stop():
        raise KeyboardInterrupt

    assert run_reporting(stop) == 130
    assert capsys.readouterr().err == "error: interrupted\n"


def test_full_disk_ends_the_run_with_one_line(tmp_path, capsys, monkeypatch):
    from examples.dqn import trainer

    write = trainer.write_checkpoint

    def full(folder, step, state, keep):
        if step >= 512:
            raise OSError(28, "No space left on device")
        return write(folder, step, state, keep)

    monkeypatch.setattr(trainer, "write_checkpoint", full)
    run = tmp_path / "run"
    assert run_command(["--run-folder", str(run), *flags_of(Config(**SMALL))]) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "checkpoint of step 512" in told
    assert "No space left" in told
    monkeypatch.undo()
    main(Config(resume=run))
    main(Config(**SMALL, run_folder=tmp_path / "whole"))
    assert_same(tmp_path / "whole", run)


def test_run_error_is_told_apart_from_a_bad_setting():
    assert not issubclass(RunError, ConfigError)
