"""A run that was ended in any way goes on as if it had not been."""

import os
import signal

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)
pytest.importorskip("gymnasium")
pytest.importorskip("matplotlib")
pytest.importorskip("tyro")

import gymnasium
from helpers.dqn_runs import (
    ALL_SWITCHES,
    SMALL,
    assert_same,
    newest_step,
    run_until,
    start,
    wait_for_checkpoint,
)

from examples.dqn.errors import ConfigError
from examples.dqn.runs.checkpoint import read_newest, write_checkpoint
from examples.dqn.runs.folder import held
from examples.dqn.runs.interrupt import Interrupt
from examples.dqn.settings.command_line import flags_of
from examples.dqn.settings.config import Config
from examples.dqn.settings.tuned import tuned_config
from examples.dqn.train import main, run_command
from examples.dqn.trainer import Trainer

# Everything that an agent can have, in as few runs as possible.
FORMS = {
    "plain": dict(num_envs=3, epsilon_end=0.3, xla=True),
    "all switches": {**ALL_SWITCHES, "learning_rate_schedule": "cosine"},
}


@pytest.mark.parametrize("form", FORMS)
def test_resumed_run_equals_an_undisturbed_one(form, tmp_path):
    whole = main(Config(**{**SMALL, **FORMS[form]}, run_folder=tmp_path / "whole"))
    # The newest checkpoint is that of step 768.
    run_until(890, tmp_path / "broken", **FORMS[form])
    resumed = main(Config(resume=tmp_path / "broken"))
    assert_same(tmp_path / "whole", tmp_path / "broken")
    np.testing.assert_array_equal(whole.returns, resumed.returns)
    assert whole.updates == resumed.updates


def test_killed_process_is_resumed_by_another(tmp_path):
    settings = {**SMALL, "total_steps": 6144, "checkpoint_every": 128}
    broken = tmp_path / "broken"
    process = start("--run-folder", broken, *flags_of(Config(**settings)))
    wait_for_checkpoint(broken, 1024)
    process.kill()
    process.communicate()
    assert read_newest(broken / "checkpoints")[0]["step"] < 6144
    told, error = start("--resume", broken).communicate()
    assert "resumes at step" in told, error
    main(Config(**settings, run_folder=tmp_path / "whole"))
    assert_same(tmp_path / "whole", broken)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_with_a_checkpoint_and_a_score(number, tmp_path, capsys):
    collect = Trainer._collect

    def signalled(self, end):
        if self.step == 640:
            os.kill(os.getpid(), number)
        collect(self, end)

    Trainer._collect = signalled
    try:
        flags = flags_of(Config(**SMALL))
        assert run_command(["--run-folder", str(tmp_path / "run"), *flags]) == 0
    finally:
        Trainer._collect = collect
    told = capsys.readouterr().out
    assert f"{signal.Signals(number).name}: stopped at step 768, saved" in told
    assert "mean return" in told
    assert (tmp_path / "run" / "run.png").exists()
    assert read_newest(tmp_path / "run" / "checkpoints")[0]["step"] == 768
    # And goes on from there.
    main(Config(resume=tmp_path / "run"))
    main(Config(**SMALL, run_folder=tmp_path / "whole"))
    assert_same(tmp_path / "whole", tmp_path / "run")


def test_second_signal_is_not_held_back():
    before = signal.getsignal(signal.SIGINT)
    with Interrupt() as interrupt:
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupt.name == "SIGINT"
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no terminal hangs up")
def test_closed_terminal_ends_a_run_unless_it_is_to_outlive_it():
    before = signal.getsignal(signal.SIGHUP)
    try:
        for handler, name in ((signal.SIG_DFL, "SIGHUP"), (signal.SIG_IGN, None)):
            signal.signal(signal.SIGHUP, handler)
            with Interrupt() as interrupt:
                os.kill(os.getpid(), signal.SIGHUP)
                assert interrupt.name == name
            assert signal.getsignal(signal.SIGHUP) is handler
    finally:
        signal.signal(signal.SIGHUP, before)


class Unpicklable(gymnasium.Wrapper):
    def __reduce__(self):
        raise TypeError("a simulator that lives elsewhere")


def test_environments_that_cannot_be_kept_begin_new_episodes(tmp_path, capsys):
    if "Unpicklable-v0" not in gymnasium.registry:
        gymnasium.register(
            "Unpicklable-v0", lambda: Unpicklable(gymnasium.make("CartPole-v1"))
        )
    run_until(890, tmp_path / "run", env_id="Unpicklable-v0", n_step=3)
    capsys.readouterr()
    result = main(Config(resume=tmp_path / "run"))
    told = capsys.readouterr().out
    assert "resumes at step 768; the environments begin new episodes" in told
    assert result.updates == 8 * 9


def test_resume_takes_no_other_flag(tmp_path):
    from examples.dqn.settings.command_line import parse_arguments

    with pytest.raises(
        ConfigError, match=r"no flags beside.*Received: --resume .* --seed 3"
    ):
        parse_arguments(["--resume", str(tmp_path), "--seed", "3"])


def test_resume_may_change_the_machine(tmp_path):
    from examples.dqn.settings.command_line import parse_arguments

    flags = ["--resume", str(tmp_path), "--threads", "2", "--no-xla"]
    config = parse_arguments(flags)
    here = dict(resume=tmp_path, threads=2, xla=False)
    assert config == tuned_config(Config.env_id, **here)


def test_run_that_is_still_going_on_is_not_resumed(tmp_path, capsys):
    pytest.importorskip("fcntl")
    run_until(300, tmp_path / "run")
    with held(tmp_path / "run"):
        assert run_command(["--resume", str(tmp_path / "run")]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "resume must be the folder of a run that no process is training" in told
    assert newest_step(tmp_path / "run") == 256
    assert run_command(["--resume", str(tmp_path / "run")]) == 0


def test_run_that_cannot_be_written_ends_with_one_line(tmp_path, capsys):
    write_checkpoint(tmp_path / "checkpoints", 0, {"config": Config()}, keep=1)
    (tmp_path / "config.json").mkdir()
    assert run_command(["--resume", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "Is a directory" in told


def test_resume_of_what_is_no_run(tmp_path, capsys):
    assert run_command(["--resume", str(tmp_path)]) == 2
    assert "whole checkpoint" in capsys.readouterr().err
