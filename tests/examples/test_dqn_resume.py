"""A run that was ended in any way goes on as if it had not been."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
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
from dqn_runs import SMALL

from examples.dqn.checkpoint import read_newest
from examples.dqn.command_line import flags_of
from examples.dqn.config import Config
from examples.dqn.errors import ConfigError, RunError
from examples.dqn.interrupt import Interrupt
from examples.dqn.train import main, run_command
from examples.dqn.trainer import Trainer

ROOT = Path(__file__).parents[2]
# Everything that an agent can have, in as few runs as possible.
FORMS = {
    "plain": dict(num_envs=3, epsilon_end=0.3, xla=True),
    "all switches": dict(
        n_step=3,
        prioritized=True,
        dueling=True,
        distributional=True,
        quantiles=5,
        noisy=True,
        layer_norm=True,
        clip_window=50,
        learning_rate_schedule="cosine",
    ),
}


class Killed(BaseException):
    """As abrupt as a signal for everything that is held in memory."""


def run_until(step, folder, **settings):
    """Runs until a step and stops dead there."""
    collect = Trainer._collect

    def stop(self, end):
        if self.step >= step:
            raise Killed
        collect(self, end)

    Trainer._collect = stop
    try:
        with contextlib.suppress(Killed):
            main(Config(**{**SMALL, **settings}, run_folder=folder))
    finally:
        Trainer._collect = collect


def files_of(folder):
    state, _ = read_newest(folder / "checkpoints")
    metrics = (folder / "metrics.csv").read_text()
    arrays = [array for part in state["agent"].values() for array in part]
    replay = state["replay"].newest(10**6)
    return metrics, [*arrays, *replay], state["generator"].bit_generator.state


def assert_same(first, second):
    for one, two in zip(files_of(first), files_of(second)):
        if isinstance(one, list):
            for array, other in zip(one, two, strict=True):
                np.testing.assert_array_equal(array, other)
        else:
            assert one == two


@pytest.mark.parametrize("form", FORMS)
def test_resumed_run_equals_an_undisturbed_one(form, tmp_path):
    whole = main(Config(**{**SMALL, **FORMS[form]}, run_folder=tmp_path / "whole"))
    # The newest checkpoint is that of step 768.
    run_until(890, tmp_path / "broken", **FORMS[form])
    resumed = main(Config(resume=tmp_path / "broken"))
    assert_same(tmp_path / "whole", tmp_path / "broken")
    np.testing.assert_array_equal(whole.returns, resumed.returns)
    assert whole.updates == resumed.updates


def command(*flags):
    return [sys.executable, "-m", "examples.dqn.train", *map(str, flags)]


def wait_for_checkpoints(folder, count):
    """Waits until a checkpoint of a later step than the first is there."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        found = sorted(folder.glob("checkpoints/*.ckpt"))
        if found and int(re.findall(r"\d+", found[-1].name)[0]) >= count:
            return
        time.sleep(0.05)
    raise AssertionError("no checkpoint appeared")


def test_killed_process_is_resumed_by_another(tmp_path):
    settings = {**SMALL, "total_steps": 6144, "checkpoint_every": 128}
    broken = tmp_path / "broken"
    process = subprocess.Popen(
        command("--run-folder", broken, *flags_of(Config(**settings))),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for_checkpoints(broken, 1024)
    process.kill()
    process.wait()
    assert read_newest(broken / "checkpoints")[0]["step"] < 6144
    done = subprocess.run(
        command("--resume", broken), cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "resumes at step" in done.stdout
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
        ("four values", "ValueError: not enough values"),
        ("wrong shape", "ValueError: could not broadcast"),
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
    from examples.dqn.command_line import parse_arguments

    with pytest.raises(
        ConfigError, match=r"no flags beside.*Received: --resume .* --seed 3"
    ):
        parse_arguments(["--resume", str(tmp_path), "--seed", "3"])


def test_resume_may_change_the_machine(tmp_path):
    from examples.dqn.command_line import parse_arguments

    flags = ["--resume", str(tmp_path), "--threads", "2", "--no-xla"]
    config = parse_arguments(flags)
    assert config == Config(resume=tmp_path, threads=2, xla=False)


def test_resume_of_what_is_no_run(tmp_path, capsys):
    assert run_command(["--resume", str(tmp_path)]) == 2
    assert "whole checkpoint" in capsys.readouterr().err


def test_run_error_is_told_apart_from_a_bad_setting():
    assert not issubclass(RunError, ConfigError)
