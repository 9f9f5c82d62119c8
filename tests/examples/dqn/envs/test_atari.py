# ruff: noqa: E402
"""Atari games by ale-py's vector environment, from one step to a whole run."""

import sys

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)
pytest.importorskip("ale_py")
gymnasium = pytest.importorskip("gymnasium")
pytest.importorskip("matplotlib")
pytest.importorskip("tyro")

from examples.dqn import evaluate as evaluation
from examples.dqn.envs.atari import FRAME_SHAPE, register_atari
from examples.dqn.envs.frame_stacking import FrameStacking
from examples.dqn.envs.making import make_environments
from examples.dqn.envs.returns import Returns
from examples.dqn.envs.vector import VectorEnvironments
from examples.dqn.errors import ConfigError
from examples.dqn.replay.frame_store import FrameStore
from examples.dqn.replay.frames import Frames
from examples.dqn.replay.nstep import NStep
from examples.dqn.replay.replay import Replay
from examples.dqn.replay.uniform import UniformSampler
from examples.dqn.settings.config import Config
from examples.dqn.settings.tuned import tuned_config
from examples.dqn.train import main

PONG = "ALE/Pong-v5"


def short_games(num_envs, stack, mode=gymnasium.vector.AutoresetMode.SAME_STEP):
    """Games that are truncated after 40 steps of four frames."""
    register_atari(PONG)
    return gymnasium.make_vec(
        PONG,
        num_envs,
        vectorization_mode="vector_entry_point",
        autoreset_mode=mode,
        stack_num=stack,
        reward_clipping=False,
        max_num_frames_per_episode=160,
    )


@pytest.mark.parametrize("mode", list(gymnasium.vector.AutoresetMode)[:2])
def test_stacks_are_those_of_ale(mode):
    """Ours, to act on and out of the replay, over several truncated games."""
    theirs = VectorEnvironments(short_games(2, 4, mode), seed=3)
    games = VectorEnvironments(short_games(2, 1, mode), seed=3)
    ours = FrameStacking(games, FRAME_SHAPE, 4)
    store = FrameStore(500, 2, Frames(500, FRAME_SHAPE, 4))
    replay, nstep = Replay(store, UniformSampler(500)), NStep(1, 0.99, 2)
    returns, finished, expected = Returns(2), [], []
    generator = np.random.default_rng(0)
    for _ in range(130):
        # Of a game that has ended and waits for its reset, ours shows less.
        shown = ours.observations[~theirs._resetting, ..., 0]
        others = theirs.observations[~theirs._resetting]
        np.testing.assert_array_equal(shown, others, strict=True)
        actions = generator.integers(6, size=2)
        steps = theirs.step(actions)
        expected += zip(steps.observations, steps.next_observations)
        finished += returns.push(steps)
        replay.add(nstep.push(store.put_away(ours.step(actions), nstep.waiting)))
    assert len(finished) >= 4
    found = replay.newest(500)
    assert len(expected) == found.steps
    for stored, kept in zip(zip(*found[::4]), expected, strict=True):
        for stack, other in zip(stored, kept):
            np.testing.assert_array_equal(stack[..., 0], other, strict=True)
    for envs in (theirs, ours):
        envs.close()


def test_each_game_has_the_seed_of_its_number():
    together = make_environments(PONG, 3, 2**32 - 5, 4)
    alone = make_environments(PONG, 1, 2**32 - 3, 4)
    for _ in range(20):
        together.step(np.array([0, 1, 2]))
        alone.step(np.array([2]))
    np.testing.assert_array_equal(together.observations[2:], alone.observations)
    assert together.observation_shape == (4, 84, 84, 1)
    assert together.num_actions == 6
    together.close()
    alone.close()


def test_game_wants_no_processes():
    with pytest.raises(ConfigError) as error:
        make_environments(PONG, 1, 0, 4, "async")
    assert "Received: vectorization='async'" in str(error.value)


def test_missing_ale_is_told_in_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "ale_py", None)
    with pytest.raises(ConfigError) as error:
        make_environments(PONG, 1, 0, 4)
    assert "pip install ale-py" in str(error.value)
    assert "\n" not in str(error.value)


def test_game_that_ale_has_not():
    with pytest.raises(ConfigError, match="ALE/NoSuchGame-v5") as error:
        make_environments("ALE/NoSuchGame-v5", 1, 0, 4)
    assert "\n" not in str(error.value)


def test_pong_trains_and_is_resumed(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(evaluation, "MAX_STEPS", 20)
    config = tuned_config(
        PONG,
        num_envs=2,
        total_steps=192,
        learning_starts=64,
        train_every=64,
        updates_per_train=2,
        batch_size=4,
        hidden_sizes=(8,),
        clipper="clip_by_norm",  # the quickest to compile
        eval_every=64,
        eval_episodes=2,
        final_episodes=2,
        checkpoint_every=64,
        run_folder=tmp_path / "run",
    )
    result = main(config)
    assert result.updates == 6
    for checkpoint in (tmp_path / "run" / "checkpoints").glob("*192.ckpt"):
        checkpoint.unlink()
    capsys.readouterr()
    assert main(Config(resume=tmp_path / "run")).updates == 6
    assert "the environments begin new episodes" in capsys.readouterr().out
