"""The smallest run of the DQN example in which everything happens, and its end."""

import collections
import contextlib
import pickle
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]

SMALL = dict(
    total_steps=1536,
    learning_starts=512,
    train_every=128,
    updates_per_train=8,
    target_period=8,
    hidden_sizes=(16, 16),
    xla=False,  # takes longest to compile
    eval_every=512,
    eval_episodes=2,
    final_episodes=3,
    checkpoint_every=256,
)
ALL_SWITCHES = dict(
    n_step=3,
    prioritized=True,
    dueling=True,
    distributional=True,
    quantiles=5,
    noisy=True,
    layer_norm=True,
    clip_window=50,
)


class Killed(BaseException):
    """As abrupt as a signal for everything that is held in memory."""


def run_until(step, folder, **settings):
    """Runs until a step and stops dead there."""
    # Imported here: the example is skipped on other backends.
    from examples.dqn.settings.config import Config
    from examples.dqn.train import main
    from examples.dqn.trainer import Trainer

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


def start(*flags):
    """Starts a run as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "examples.dqn.train", *map(str, flags)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def newest_step(folder):
    """The step of the newest checkpoint of a run, -1 if there is none."""
    found = [path.stem for path in folder.glob("checkpoints/*.ckpt")]
    return max((int(name.removeprefix("step-")) for name in found), default=-1)


def wait_for_checkpoint(folder, step):
    """Waits until there is a checkpoint of this step or a later one."""
    end = time.monotonic() + 120
    while newest_step(folder) < step:
        assert time.monotonic() < end, "no checkpoint appeared"
        time.sleep(0.02)


def assert_same(first, second):
    """Two runs have left the same, bit for bit."""
    from examples.dqn.runs.checkpoint import read_newest

    states = []
    for folder in (first, second):
        state, _ = read_newest(folder / "checkpoints")
        if state["envs"] is not None:
            state["envs"] = pickle.loads(state["envs"])
        states.append(state)
    assert_equal(*states, "state", set())
    tables = [(folder / "metrics.csv").read_text() for folder in (first, second)]
    assert tables[0] == tables[1]


def assert_equal(one, two, where, seen):
    """Compares all that can be reached, and says where the first difference is."""
    import gymnasium

    from examples.dqn.settings.config import Config

    assert type(one) is type(two), where
    if isinstance(one, np.ndarray):
        np.testing.assert_array_equal(one, two, where, strict=True)
    elif isinstance(one, (list, tuple, collections.deque)):
        assert len(one) == len(two), where
        for index, pair in enumerate(zip(one, two)):
            assert_equal(*pair, f"{where}[{index}]", seen)
    elif isinstance(one, dict):
        assert one.keys() == two.keys(), where
        for key in one:
            assert_equal(one[key], two[key], f"{where}[{key!r}]", seen)
    elif isinstance(one, gymnasium.Space):
        # Its generator starts anywhere, and nobody draws from it.
        assert one == two, where
    elif isinstance(one, Config):
        places = dict(resume=None, run_folder=None)
        assert replace(one, **places) == replace(two, **places), where
    elif isinstance(one, np.random.Generator):
        parts = one.bit_generator.state, two.bit_generator.state
        assert_equal(*parts, f"{where}.bit_generator", seen)
    elif hasattr(one, "__dict__"):
        if id(one) not in seen:
            seen.add(id(one))
            assert_equal(vars(one), vars(two), where, seen)
    else:
        assert one == two or (one != one and two != two), where
