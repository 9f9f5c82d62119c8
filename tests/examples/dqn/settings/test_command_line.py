"""Bad settings: one clear line, exit code 2, and no wait for TensorFlow."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("tyro")

from examples.dqn.errors import ConfigError
from examples.dqn.settings.command_line import parse_arguments
from examples.dqn.settings.config import Config
from examples.dqn.settings.tuned import tuned_config

ROOT = Path(__file__).parents[4]

BAD_FLAGS = [
    # What the user typed, and what the message must hold.
    ("--epsilon-start 1.5", ["epsilon_start", "[0, 1]", "1.5"]),
    ("--epsilon-end -0.1", ["epsilon_end", "[0, 1]", "-0.1"]),
    ("--epsilon-start nan", ["epsilon_start", "[0, 1]", "nan"]),
    ("--epsilon-fraction 0", ["epsilon_fraction", "(0, 1]", "0.0"]),
    ("--epsilon-points 0 1.0 5 1.2", ["epsilon_points", "[0, 1]", "1.2"]),
    ("--epsilon-points 9 1.0 5 0.2", ["epsilon_points", "rise", "(9, 1.0)"]),
    ("--epsilon-points", ["epsilon_points", "one or more", "()"]),
    ("--epsilon-points 0 1.0 5", ["--epsilon-points", "'5'"]),
    ("--epsilon-schedule cosine", ["--epsilon-schedule", "linear", "cosine"]),
    ("--epsilon-schedule exponential --epsilon-end 0", ["above 0", "epsilon_end=0.0"]),
    ("--clipper clipnorm", ["--clipper", "autoclip", "clipnorm"]),
    ("--clip-percentile 101", ["clip_percentile", "(0, 100]", "101"]),
    ("--clip-window 0", ["clip_window", "at least 1", "0"]),
    ("--frame-stack 0", ["frame_stack", "at least 1", "0"]),
    ("--reward-clip 0", ["reward_clip", "None or above 0", "0"]),
    ("--reward-clip nan", ["reward_clip", "None or above 0", "nan"]),
    ("--clip-max-norm 0", ["clip_max_norm", "above 0", "0.0"]),
    ("--clip-value -1", ["clip_value", "above 0", "-1"]),
    ("--clip-scope word", ["--clip-scope", "layer", "word"]),
    ("--strategy pod", ["--strategy", "mirrored", "pod"]),
    ("--gamma 1.01", ["gamma", "[0, 1]", "1.01"]),
    ("--target-rate 0", ["target_rate", "(0, 1]", "0.0"]),
    ("--learning-rate inf", ["learning_rate", "above 0", "inf"]),
    ("--learning-rate-end -1", ["learning_rate_end", "at least 0", "-1"]),
    ("--batch-size 0", ["batch_size", "at least 1", "0"]),
    ("--batch-size many", ["--batch-size", "int", "many"]),
    ("--total-steps 500", ["learning_starts", "total_steps=500", "1000"]),
    ("--replay-size 32", ["replay_size", "batch_size=64", "32"]),
    ("--hidden-sizes 64 0", ["hidden_sizes", "at least 1", "(64, 0)"]),
    ("--seed -1", ["seed", "at least 0", "-1"]),
    ("--num-envs", ["--num-envs", "Missing value"]),
    ("--no-such-flag 3", ["--no-such-flag"]),
    ("--n-step 0", ["n_step", "at least 1", "0"]),
    ("--quantiles 1", ["quantiles", "at least 2", "1"]),
    ("--noisy-sigma -1", ["noisy_sigma", "at least 0", "-1"]),
    ("--priority-exponent 2", ["priority_exponent", "[0, 1]", "2.0"]),
    ("--priority-correction nan", ["priority_correction", "[0, 1]", "nan"]),
    ("--loss mae", ["--loss", "huber", "mae"]),
    ("--learning-rate-schedule step", ["--learning-rate-schedule", "cosine"]),
]


@pytest.mark.parametrize(
    ("flags", "words"), BAD_FLAGS, ids=[flags for flags, _ in BAD_FLAGS]
)
def test_bad_flag(flags, words):
    with pytest.raises(ConfigError) as error:
        parse_arguments(flags.split())
    message = str(error.value)
    assert "\n" not in message
    assert "│" not in message
    assert all(word in message for word in words), message


def test_good_flags_arrive():
    flags = "--seed 7 --no-double --hidden-sizes 32 16 --clipper zclip --clip-window 50"
    config = parse_arguments(flags.split())
    settings = dict(double=False, hidden_sizes=(32, 16), clipper="zclip")
    assert config == tuned_config("CartPole-v1", seed=7, clip_window=50, **settings)


def test_help_tells_every_field(capsys):
    with pytest.raises(SystemExit) as stop:
        parse_arguments(["--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    for name in Config.__dataclass_fields__:
        assert f"--{name.replace('_', '-')}" in text


def run(*flags):
    command = [sys.executable, "-X", "importtime", "-m", "examples.dqn.train", *flags]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize(
    "flags",
    [
        ["--epsilon-start", "2"],
        ["--env-id", "NoSuchEnvironment-v0"],
        ["--run-folder", "/dev/null/run"],
        ["--clipper", "clipnorm"],
    ],
)
def test_command_fails_with_one_line_before_tensorflow(flags):
    done = run(*flags)
    lines = done.stderr.splitlines()
    told = [line for line in lines if not line.startswith("import time:")]
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(told) == 1, told
    assert told[0].startswith("error: ")
    assert flags[1] in told[0]
    modules = {line.split("|")[-1].strip() for line in lines}
    assert "numpy" in modules
    assert "tensorflow" not in modules


@pytest.mark.parametrize("module", ["train", "play", "plot"])
def test_commands_choose_the_backend_before_keras_is_imported(module):
    # And their --help does not wait for it.
    script = (
        f"import sys; import examples.dqn.{module}; "
        "print('keras' in sys.modules, 'tensorflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout.split() == ["False", "False"], done.stderr
