"""One seed of several: how it is started, what it tells, and what it leaves."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("tyro")

from examples.dqn.runs import seed_process
from examples.dqn.runs.folder import held
from examples.dqn.runs.seed_process import Seed
from examples.dqn.settings.command_line import parse_arguments
from examples.dqn.settings.config import Config
from examples.dqn.settings.tuned import tuned_config

CONFIG = Config(total_steps=1000, hidden_sizes=(8,), threads=2, xla=False)
WHOLE = {"step": 1000, "score": 12.34, "last_score": 5.0, "seconds": 3.4}


@pytest.fixture
def script(monkeypatch):
    """Lets the process be this script, and tells what it would have been."""
    asked, popen = [], subprocess.Popen

    def use(text):
        def start(command, **more):
            asked.append((command, more["env"]["PYTHONPATH"]))
            return popen([sys.executable, "-c", text], **more)

        monkeypatch.setattr(seed_process.subprocess, "Popen", start)
        return asked

    return use


def end(seed):
    """Waits until its process has ended, as somebody who asks again and again."""
    seed._process.wait(timeout=20)
    assert seed.has_ended()
    return seed.outcome()


def leave(folder, result=None, checkpoint=False):
    """A folder in which a seed has been."""
    (folder / "checkpoints").mkdir(parents=True)
    if result is not None:
        (folder / "result.json").write_text(json.dumps(result))
    if checkpoint:
        (folder / "checkpoints" / "step-000000000512.ckpt").touch()


def settings_of(asked):
    """The settings that the command of a process has."""
    [(command, paths)] = asked
    assert command[:3] == [sys.executable, "-m", "examples.dqn.train"]
    assert (Path(paths.split(os.pathsep)[0]) / "examples/dqn/train.py").exists()
    return parse_arguments(command[3:])


def test_a_new_seed_has_the_settings_of_all_and_a_folder_of_its_own(
    script, tmp_path, monkeypatch
):
    # The process starts elsewhere than we do.
    monkeypatch.chdir(tmp_path)
    asked = script("")
    seed = Seed(CONFIG, 7, Path())
    seed.start()
    end(seed)
    settings = settings_of(asked)
    assert settings.run_folder == tmp_path / "seed-7"
    assert (settings.seed, settings.total_steps) == (7, 1000)
    assert settings.hidden_sizes == (8,)


def test_a_seed_finds_what_we_find(tmp_path, monkeypatch):
    (tmp_path / "added").mkdir()
    (tmp_path / "added" / "of_the_user.py").touch()
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "beside.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path / "added"))
    monkeypatch.chdir(tmp_path / "here")
    look = "import beside, of_the_user, pathlib; print(pathlib.Path.cwd())"
    popen = subprocess.Popen
    monkeypatch.setattr(
        seed_process.subprocess,
        "Popen",
        lambda command, **more: popen([sys.executable, "-c", look], **more),
    )
    seed = Seed(CONFIG, 7, tmp_path)
    seed.start()
    end(seed)
    assert seed.log.read_text().strip() == str(tmp_path / "here")


def test_a_seed_with_a_checkpoint_goes_on_where_we_train_now(script, tmp_path):
    leave(tmp_path / "seed-7", checkpoint=True)
    asked = script("")
    seed = Seed(CONFIG, 7, tmp_path)
    seed.start()
    end(seed)
    here = dict(resume=tmp_path / "seed-7", threads=2, xla=False)
    expected = tuned_config(Config.env_id, **here)
    assert settings_of(asked) == expected
    assert (tmp_path / "seed-7" / "checkpoints").exists()


def test_what_was_killed_before_its_first_checkpoint_is_cleared_away(script, tmp_path):
    leave(tmp_path / "seed-7")
    script("")
    seed = Seed(CONFIG, 7, tmp_path)
    seed.start()
    end(seed)
    assert not (tmp_path / "seed-7").exists()


def test_nothing_is_cleared_away_under_a_process_that_trains(script, tmp_path):
    pytest.importorskip("fcntl")
    leave(tmp_path / "seed-7")
    script("")
    seed = Seed(CONFIG, 7, tmp_path)
    with held(tmp_path / "seed-7"):
        seed.start()
    end(seed)
    assert (tmp_path / "seed-7" / "checkpoints").exists()


@pytest.mark.parametrize(
    ("text", "is_whole"),
    [
        (json.dumps(WHOLE), True),
        (json.dumps({**WHOLE, "step": 1001}), True),
        (json.dumps({**WHOLE, "step": 999}), False),
        (json.dumps(WHOLE)[:-1], False),
        ("", False),
        (None, False),
    ],
)
def test_only_a_run_that_went_to_its_end_has_a_result(text, is_whole, tmp_path):
    (tmp_path / "seed-7").mkdir()
    if text is not None:
        (tmp_path / "seed-7" / "result.json").write_text(text)
    assert (Seed(CONFIG, 7, tmp_path).result is not None) == is_whole


@pytest.mark.parametrize("status", [0, 3])
def test_the_result_counts_if_the_process_ended_well(status, script, tmp_path):
    script(f"raise SystemExit({status})")
    seed = Seed(CONFIG, 7, tmp_path)
    seed.start()
    leave(tmp_path / "seed-7", WHOLE)
    told = end(seed)
    assert seed.failed == (status != 0)
    if not status:
        assert told == "seed 7: mean return 12.3, last weights 5.0, 3 s"


@pytest.mark.parametrize(
    ("script_text", "reason"),
    [
        ("print('one'); print('error: no room '); exit(1)", "no room"),
        ("exit(1)", "no output"),
        ("import os; os.write(2, b'\\xff?\\n'); exit(1)", "\N{REPLACEMENT CHARACTER}?"),
        ("exit(0)", "no output"),
    ],
)
def test_failure_is_told_in_the_last_words_of_this_process(
    script_text, reason, script, tmp_path
):
    (tmp_path / "seed-7.log").write_text("error: of an earlier process\n")
    script(script_text)
    seed = Seed(CONFIG, 7, tmp_path)
    seed.start()
    assert end(seed) == f"seed 7: failed ({reason}), see {seed.log}"
    assert seed.failed
    assert seed.log.read_text(errors="replace").startswith("error: of an earlier")


@pytest.mark.parametrize("checkpoint", [True, False])
def test_interrupted_seed_is_no_failure(checkpoint, script, tmp_path):
    # A process that is in the background may have it that SIGINT is ignored.
    script(
        "import signal, time; signal.signal(signal.SIGINT, signal.SIG_DFL); "
        "print('on', flush=True); time.sleep(60)"
    )
    seed = Seed(CONFIG, 7, tmp_path)
    seed.start()
    while seed.log.read_text() != "on\n":
        assert not seed.has_ended()
        time.sleep(0.01)
    leave(tmp_path / "seed-7", checkpoint=checkpoint)
    seed.interrupt()
    told = end(seed)
    assert seed._process.returncode != 0
    assert not seed.failed
    if checkpoint:
        assert told == f"seed 7: stopped and saved, --resume {seed.folder}"
    else:
        assert told == "seed 7: stopped before its first checkpoint"


def test_interrupt_after_its_end_takes_nothing_back(script, tmp_path):
    script("exit(1)")
    seed = Seed(CONFIG, 7, tmp_path)
    seed.start()
    end(seed)
    seed.interrupt()
    assert seed.failed


def test_killed_seed_is_gone_at_once(script, tmp_path):
    script("import signal, time; signal.signal(2, signal.SIG_IGN); time.sleep(60)")
    seed = Seed(CONFIG, 7, tmp_path)
    seed.start()
    seed.kill()
    assert seed.has_ended()


@pytest.mark.parametrize(
    ("text", "done"),
    [
        (None, 0.0),
        ("", 0.0),
        ("step,loss\n", 0.0),
        ("step,loss\n128,\n250,0.5\n", 0.25),
        # More than is read of a file.
        ("step,loss\n" + "".join(f"{n},0.5\n" for n in range(1, 751)), 0.75),
    ],
    ids=["no file", "empty", "header", "short", "long"],
)
def test_how_far_it_is(text, done, tmp_path):
    seed = Seed(CONFIG, 7, tmp_path)
    seed.folder.mkdir()
    if text is not None:
        (seed.folder / "metrics.csv").write_text(text)
    assert seed.done() == done
