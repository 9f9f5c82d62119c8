"""Where a run leaves its files, and what it says there about itself."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from examples.dqn.errors import ConfigError
from examples.dqn.runs.folder import make_run_folder, read_config, write_config
from examples.dqn.settings.config import Config


def test_run_folder_must_be_empty(tmp_path):
    (tmp_path / "metrics.csv").touch()
    with pytest.raises(ConfigError, match=r"new or empty\. Received: run_folder="):
        make_run_folder(Config(run_folder=tmp_path))


def test_run_folder_must_be_writable(tmp_path):
    file = tmp_path / "file"
    file.touch()
    for folder in (file, file / "below"):
        with pytest.raises(
            ConfigError, match=r"can be written .* Received: run_folder="
        ):
            make_run_folder(Config(run_folder=folder))


def test_run_folder_has_a_default(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = make_run_folder(Config(seed=3))
    assert folder.is_dir()
    assert folder.parent == Path("runs")
    assert folder.name.startswith("CartPole-v1-seed3-")


def test_folders_of_one_second_are_several(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(time, "strftime", lambda _: "20260101-000000")
    folders = [make_run_folder(Config()) for _ in range(3)]
    name = "CartPole-v1-seed0-20260101-000000"
    assert [folder.name for folder in folders] == [name, f"{name}+2", f"{name}+3"]
    assert {folder.name for folder in Path("runs").iterdir()} == {
        folder.name for folder in folders
    }


def test_runs_that_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("runs").touch()
    with pytest.raises(ConfigError, match=r"can be written .* Received: run_folder="):
        make_run_folder(Config())


def test_configuration_is_read_as_it_was_written(tmp_path):
    config = Config(hidden_sizes=(8, 4), clip_window=9, epsilon_points=((0, 0.5),))
    write_config(tmp_path, replace(config, run_folder=tmp_path))
    assert read_config(tmp_path) == config


def test_configuration_of_another_version(tmp_path):
    (tmp_path / "config.json").write_text('{"seed": 4, "of_the_future": 1}')
    assert read_config(tmp_path) == Config(seed=4)


@pytest.mark.parametrize("text", [None, "", "[]", '{"seed": -1}', '{"seed": "a"}'])
def test_what_is_no_configuration(text, tmp_path):
    if text is not None:
        (tmp_path / "config.json").write_text(text)
    with pytest.raises(ConfigError, match=f"folder of a run.*Received: {tmp_path}$"):
        read_config(tmp_path)
