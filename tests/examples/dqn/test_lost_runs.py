"""Runs that die at many moments, and each switch alone: nothing is ever lost."""

import time

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)
pytest.importorskip("gymnasium")
pytest.importorskip("matplotlib")
pytest.importorskip("tyro")

from helpers.dqn_runs import (
    ALL_SWITCHES,
    SMALL,
    assert_same,
    newest_step,
    run_until,
    start,
    wait_for_checkpoint,
)

from examples.dqn.settings.command_line import flags_of
from examples.dqn.settings.config import Config
from examples.dqn.train import main

pytestmark = pytest.mark.slow

SWITCHES = [
    {"num_envs": 3},
    {"num_envs": 2, "vectorization": "sync"},
    {"num_envs": 2, "vectorization": "vector_entry_point"},
    {"double": False},
    {"n_step": 4, "num_envs": 2},
    {"prioritized": True},
    {"prioritized": True, "replay_size": 300},
    {"replay_size": 300},
    {"dueling": True},
    {"distributional": True, "quantiles": 7},
    {"noisy": True, "epsilon_start": 0.0, "epsilon_end": 0.0},
    {"layer_norm": True},
    {"loss": "mse"},
    {"advantage_learning": 0.8},
    {"target_period": 1, "target_rate": 0.01},
    {"target_period": 13},
    {"epsilon_schedule": "exponential"},
    {"epsilon_schedule": "piecewise", "epsilon_points": ((0, 1.0), (1200, 0.1))},
    {"epsilon_schedule": "constant", "epsilon_end": 0.3},
    {"learning_rate_schedule": "cosine"},
    {"learning_rate_schedule": "constant"},
    {"clipper": "none"},
    {"clipper": "clip_by_norm"},
    {"clipper": "clip_by_value"},
    {"clip_window": 5},
    {"clip_scope": "layer"},
    {"clipper": "agc"},
    {"clipper": "zclip"},
    {"clipper": "adagc"},
    {"clipper": "quantile_clip"},
    {"mixed_precision": True},
    {"xla": True},
    {"keep": "last"},
    {"reward_clip": 0.5},
    {"env_id": "MountainCar-v0"},
]


@pytest.mark.parametrize("switch", SWITCHES, ids=str)
def test_switch_is_resumed(switch, tmp_path):
    settings = {**SMALL, "total_steps": 1280, **switch}
    whole = main(Config(**settings, run_folder=tmp_path / "whole"))
    run_until(890, tmp_path / "broken", **settings)
    assert 768 <= newest_step(tmp_path / "broken") < 890
    resumed = main(Config(resume=tmp_path / "broken"))
    assert_same(tmp_path / "whole", tmp_path / "broken")
    np.testing.assert_array_equal(whole.returns, resumed.returns)


@pytest.mark.parametrize(
    "settings", [{}, {**ALL_SWITCHES, "num_envs": 2}], ids=["plain", "all switches"]
)
def test_run_that_is_killed_again_and_again(settings, tmp_path):
    # So many checkpoints that a good part of the time goes into writing them.
    often = {"total_steps": 12_800, "checkpoint_every": 128}
    settings = {**SMALL, "eval_every": 6400, **often, **settings}
    broken = tmp_path / "broken"
    generator = np.random.default_rng(0)
    flags = ["--run-folder", broken, *flags_of(Config(**settings))]
    steps = []
    while len(steps) < 12:
        before = newest_step(broken)
        process = start(*flags)
        # Some die while they start, most while they train.
        if steps and generator.random() < 0.25:
            time.sleep(6 * generator.random())
        else:
            wait_for_checkpoint(broken, before + 1)
            time.sleep(0.8 * generator.random())
        process.kill()
        process.communicate()
        steps.append(newest_step(broken))
        flags = ["--resume", broken]
        if steps[-1] >= 12_800:
            break
    assert len(set(steps)) >= 3, steps
    _, error = start("--resume", broken).communicate()
    assert (broken / "result.json").exists(), error
    main(Config(**settings, run_folder=tmp_path / "whole"))
    assert_same(tmp_path / "whole", broken)
    assert len(list(broken.glob("checkpoints/*"))) == 2
