"""More steps after the end, other settings from kept weights, small checkpoints."""

from dataclasses import replace

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)
pytest.importorskip("gymnasium")
pytest.importorskip("matplotlib")
pytest.importorskip("tyro")

from helpers.dqn_runs import SMALL, assert_same, newest_step, run_until

from examples.dqn.errors import ConfigError
from examples.dqn.runs.checkpoint import read_newest
from examples.dqn.runs.folder import read_config
from examples.dqn.runs.going_on import kept
from examples.dqn.settings.command_line import flags_of, parse_command
from examples.dqn.settings.config import Config
from examples.dqn.train import main, run_command

# Nothing in it depends on how long the run is to be.
LENGTHLESS = dict(
    learning_rate_schedule="constant", epsilon_schedule="constant", epsilon_end=0.2
)


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ended") / "run"
    main(Config(**{**SMALL, **LENGTHLESS}, run_folder=folder))
    return folder


def test_run_that_has_ended_takes_more_steps(ended, tmp_path, capsys):
    assert run_command(["--resume", str(ended), "--total-steps", "2048"]) == 0
    assert "resumes at step 1,536" in capsys.readouterr().out
    assert newest_step(ended) == read_config(ended).total_steps == 2048
    longer = {**SMALL, **LENGTHLESS, "total_steps": 2048}
    main(Config(**longer, run_folder=tmp_path / "whole"))
    assert_same(tmp_path / "whole", ended)


def test_run_does_not_end_before_where_it_is(ended):
    with pytest.raises(ConfigError, match=r"total_steps must be at least the .* steps"):
        main(Config(resume=ended), total_steps=500)


def test_total_steps_are_told_from_their_default():
    command, _ = parse_command(["--resume", "somewhere"])
    assert command.total_steps is None
    for flag in ("--total-steps", "--total_steps"):
        command, _ = parse_command(["--resume", "somewhere", f"{flag}=50000"])
        assert command.total_steps == 50_000
    command, _ = parse_command(["--resume", "a", "--total-steps", "900"])
    assert command.total_steps == 900, "less than the default of learning_starts"
    with pytest.raises(ConfigError, match="no flags beside it but those of"):
        parse_command(["--resume", "a", "--total-steps", "9000", "--gamma", "0.9"])


def test_a_new_run_begins_with_kept_weights(ended, tmp_path):
    settings = {**SMALL, "learning_rate": 1e-12, "gamma": 0.9, "seed": 5}
    config = Config(**settings, init_from=ended, run_folder=tmp_path / "new")
    result = main(config)
    for new, old in zip(result.policy.weights, kept(ended).weights, strict=True):
        np.testing.assert_allclose(new, old, atol=1e-6)
    assert read_config(tmp_path / "new").init_from == ended
    assert flags_of(config)[-4:-2] == ["--init-from", str(ended)]


def test_a_run_that_began_with_weights_is_resumed_from_its_own(ended, tmp_path):
    settings = {**SMALL, "init_from": ended}
    main(Config(**settings, run_folder=tmp_path / "whole"))
    run_until(890, tmp_path / "broken", init_from=ended)
    main(Config(resume=tmp_path / "broken"))
    assert_same(tmp_path / "whole", tmp_path / "broken")


def test_a_new_run_begins_with_the_statistics_that_belong_to_the_weights(tmp_path):
    config = Config(**SMALL, normalize_observations=True, run_folder=tmp_path / "old")
    main(config)
    seen = kept(tmp_path / "old").seen
    assert seen.count == SMALL["total_steps"]
    new = replace(config, init_from=tmp_path / "old", run_folder=tmp_path / "new")
    main(new)
    again = kept(tmp_path / "new").seen
    assert again.count == 2 * seen.count
    assert not np.array_equal(again.mean, seen.mean)
    other = replace(new, normalize_observations=False, run_folder=tmp_path / "other")
    with pytest.raises(ConfigError, match="normalize_observations must be True, as in"):
        main(other)


def test_weights_of_another_network_are_refused(ended, tmp_path, capsys):
    flags = ["--run-folder", str(tmp_path / "run"), "--hidden-sizes", "8"]
    flags += ["--no-xla", "--init-from"]
    assert run_command([*flags, str(ended)]) == 2
    told = capsys.readouterr().err
    assert "hidden_sizes must be (16, 16), as in the run that init_from names" in told
    assert not (tmp_path / "run").exists()
    assert run_command([*flags, str(tmp_path / "none")]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: init_from must be the folder of a run with a whole")


def test_weights_of_another_environment_are_refused(ended, tmp_path, capsys):
    config = Config(**SMALL, env_id="Acrobot-v1", init_from=ended)
    assert run_command(["--run-folder", str(tmp_path / "run"), *flags_of(config)]) == 2
    assert "init_from must be the folder of a run whose" in capsys.readouterr().err


def test_checkpoint_without_the_replay(tmp_path):
    small = {**SMALL, "checkpoint_replay": False, "num_envs": 2, "n_step": 3}
    run_until(890, tmp_path / "run", **small)
    state, _ = read_newest(tmp_path / "run" / "checkpoints")
    assert "replay" not in state
    updates = state["rows"][-1].updates
    result = main(Config(resume=tmp_path / "run"))
    # 512 steps fill a new one: it learns again from step 1,280 on.
    assert result.updates == updates + 8 * 3
