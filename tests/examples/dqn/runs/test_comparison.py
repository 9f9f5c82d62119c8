"""Several runs in one picture: what is one curve, and what it is called."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("tyro")

from examples.dqn.runs.comparison import align, compare_runs, label_groups
from examples.dqn.runs.folder import write_config
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
