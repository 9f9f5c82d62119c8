"""Bad settings are told before a run leaves anything behind."""

import keras
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)
pytest.importorskip("gymnasium")
pytest.importorskip("matplotlib")
pytest.importorskip("tyro")

from helpers.dqn_own_envs import register_all
from helpers.dqn_runs import SMALL

from examples.dqn.checks import check_clipper, check_environment
from examples.dqn.errors import ConfigError
from examples.dqn.settings.command_line import flags_of
from examples.dqn.settings.config import Config
from examples.dqn.train import run_command

register_all()
QUICK = {**SMALL, "total_steps": 768, "learning_starts": 256}


def words(folder, **settings):
    return ["--run-folder", str(folder), *flags_of(Config(**{**QUICK, **settings}))]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"env_id": "OwnShape-v0"}, "of shape (2,), declared is (3,)"),
        ({"env_id": "OwnOnlyOne-v0"}, "eval_envs must be 'training'"),
        ({"clipper": "zclip", "clip_scope": "unit"}, "Received: clip_scope='unit'"),
    ],
    ids=str,
)
@pytest.mark.parametrize("seeds", [[], ["--seeds", "0..1"]], ids=str)
def test_fault_is_told_before_there_is_a_folder(
    settings, told, seeds, tmp_path, capsys
):
    assert run_command([*words(tmp_path / "run", **settings), *seeds]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_what_is_found_out_is_in_the_configuration():
    assert check_environment(Config()) == Config()
    found = check_environment(Config(env_id="OwnMasked-v0"))
    assert found.action_mask == "on"
    off = Config(env_id="OwnMasked-v0", action_mask="off")
    assert check_environment(off) == off


def test_scopes_of_a_clipper():
    check_clipper(Config(clipper="agc", clip_scope="unit"))
    with pytest.raises(ConfigError, match=r"^clip_scope must be one that clipper='zcl"):
        check_clipper(Config(clipper="zclip", clip_scope="unit"))
