"""One picture of several runs: what is one curve, and what it is called."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("tyro")

from examples.dqn.errors import ConfigError
from examples.dqn.plot import run_command
from examples.dqn.runs.comparison import METRICS, align, compare_runs, label_groups
from examples.dqn.runs.curves import bootstrap_band, interquartile_mean
from examples.dqn.runs.folder import read_config, write_config
from examples.dqn.settings.config import Config
from examples.dqn.settings.tuned import tuned_config

PNG = b"\x89PNG"


def make_run(folder, config=None, points=((100, 1.0), (200, 2.0))):
    folder.mkdir(parents=True)
    write_config(folder, config or Config())
    lines = ["step,greedy_return,loss", "50,,"]
    lines += [f"{step},{value}," for step, value in points]
    (folder / "metrics.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_interquartile_mean_leaves_out_a_quarter_on_each_side():
    column = np.array([9.0, 1, 2, 3, 4, 5, 6, -100])[:, None]
    np.testing.assert_allclose(interquartile_mean(column), [3.5])
    np.testing.assert_allclose(interquartile_mean(column[:3]), [4.0])


def test_band_holds_the_mean_and_is_as_wide_as_the_values_differ():
    generator = np.random.default_rng(1)
    values = np.stack([np.ones(20), generator.normal(0, 1, 20)], axis=1)
    low, high = bootstrap_band(values)
    mean = interquartile_mean(values)
    assert low[0] == high[0] == mean[0] == 1
    assert low[1] < mean[1] < high[1]
    # About two standard errors to each side.
    assert 0.5 < high[1] - low[1] < 1.6
    np.testing.assert_array_equal(bootstrap_band(values), (low, high))


def test_runs_are_aligned_where_all_of_them_have_values():
    short = np.array([[100, 200], [0, 10]])
    long = np.array([[50, 150, 250], [0, 1, 2]])
    steps, values = align([short, long])
    assert steps.tolist() == [100, 150, 200]
    np.testing.assert_allclose(values, [[0, 5, 10], [0.5, 1, 1.5]])


@pytest.mark.parametrize(
    ("configs", "labels"),
    [
        ([Config()], ["CartPole-v1"]),
        (
            [Config(), Config(clipper="none"), Config(n_step=3)],
            [
                "n_step=1, clipper=autoclip",
                "n_step=1, clipper=none",
                "n_step=3, clipper=autoclip",
            ],
        ),
        # Two environments differ in much that is tuned.
        (
            [tuned_config("CartPole-v1"), tuned_config("Acrobot-v1")],
            ["CartPole-v1", "Acrobot-v1"],
        ),
        (
            [tuned_config("CartPole-v1"), tuned_config("Acrobot-v1", dueling=True)],
            ["CartPole-v1, dueling=False", "Acrobot-v1, dueling=True"],
        ),
    ],
)
def test_labels_tell_the_differences(configs, labels):
    assert label_groups(configs) == labels


def test_seeds_become_one_curve(tmp_path):
    base = Config(n_step=3, hidden_sizes=(8,), epsilon_points=((0, 1.0), (9, 0.5)))
    both = tmp_path / "both"
    for seed, end in ((0, 2.0), (1, 6.0)):
        config = replace(base, seed=seed, video=seed == 1)
        make_run(both / f"seed-{seed}", config, [(100, 0), (200, end)])
    write_config(both, base)  # as --seeds does
    (both / "seed-1/config.json").unlink()
    write_config(both / "seed-1", replace(base, seed=1, threads=2))
    other = make_run(tmp_path / "other", replace(base, n_step=1))
    output = tmp_path / "picture.png"
    # A folder that is named twice counts once.
    folders = [both, other, both / "seed-0"]
    first, second = compare_runs(output, folders, "greedy_return")
    assert output.read_bytes().startswith(PNG)
    assert (first.label, second.label) == ("n_step=3 (2 runs)", "n_step=1 (1 run)")
    assert first.steps.tolist() == [100, 200]
    assert first.values.tolist() == [[0, 2], [0, 6]]
    assert second.values.tolist() == [[1, 2]]
    # A folder of folders.
    again = compare_runs(output, [tmp_path], "greedy_return")
    assert [curve.label for curve in again] == [first.label, second.label]


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


def test_command(tmp_path, capsys):
    run = make_run(tmp_path / "run")
    output = tmp_path / "a.png"
    assert run_command([str(run), "--output", str(output)]) == 0
    assert output.read_bytes().startswith(PNG)
    told = capsys.readouterr().out
    assert told == f"CartPole-v1 (1 run): 2 at step 200\n{output}\n"


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("", ["runs", "one or more", "none"]),
        ("RUN --metric steps", ["--metric", "greedy_return", "'steps'"]),
        ("RUN --metric loss", ["runs must have values of loss", "RUN"]),
        ("RUN --metric norm", ["metrics.csv that can be read", "RUN"]),
        ("RUN/none", ["folder of a run", "No such file", "RUN/none"]),
        ("RUN --output RUN/none/a.png", ["output", "No such file", "RUN/none/a.png"]),
        ("RUN --output RUN/a.word", ["output", "word", "RUN/a.word"]),
    ],
)
def test_bad_argument(flags, words, tmp_path, capsys):
    run = str(make_run(tmp_path / "run"))
    assert run_command(flags.replace("RUN", run).split()) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert told.count("\n") == 1
    for word in words:
        assert word.replace("RUN", run) in told, told


def test_help_and_metrics_go_with_the_columns(capsys):
    from examples.dqn.runs.report import Row

    assert {*METRICS, "step"} == {*Row._fields}
    with pytest.raises(SystemExit):
        run_command(["--help"])
    told = capsys.readouterr().out
    assert all(metric in told for metric in METRICS)
