"""Own parts: what they may be, what is refused, and that nothing of them is lost."""

import contextlib
import os
import signal

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)
pytest.importorskip("gymnasium")
pytest.importorskip("matplotlib")
pytest.importorskip("tyro")

from helpers.dqn_runs import SMALL, Killed, assert_same, newest_step

import keras_gradclip
from examples.dqn.callbacks import Callback, StopAtScore
from examples.dqn.errors import ConfigError, RunError
from examples.dqn.networks.network_policy import NetworkPolicy
from examples.dqn.networks.numpy_policy import NumpyPolicy
from examples.dqn.play import Play
from examples.dqn.play import main as play
from examples.dqn.run import run
from examples.dqn.runs.checkpoint import read_newest
from examples.dqn.settings.config import Config
from keras_gradclip import clippers

AGC = clippers.Chain([clippers.AGC(), clippers.ClipByValue(0.5)])


def own_network(shape, actions):
    """With all that changes while it learns: dropout, running means, weights."""
    return keras.Sequential(
        [
            keras.Input(shape),
            keras.layers.Dense(16, activation="tanh"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.1, seed=3),
            keras.layers.Dense(actions),
        ]
    )


class Subclassed(keras.Model):
    """Whose inputs nobody has declared."""

    def __init__(self, actions):
        super().__init__()
        self.dense = keras.layers.Dense(actions, activation="softsign")

    def call(self, inputs):
        return self.dense(inputs)


class Counting(Callback):
    """Counts blocks, and keeps the count."""

    def __init__(self, stop_at=None, die_at=None, **more):
        self.blocks, self.log = 0, []
        self.stop_at, self.die_at = stop_at, die_at

    def on_block(self, moment):
        self.blocks += 1
        self.log.append(moment.row["step"])
        if moment.row["step"] == self.stop_at:
            moment.stop("enough")
        if moment.row["step"] == self.die_at:
            raise Killed

    def state(self):
        return self.blocks

    def restore(self, state):
        self.blocks = state


def parts(**callback):
    return dict(
        network=own_network,
        epsilon=lambda step: max(0.1, 1 - step / 1000),
        optimizer=keras_gradclip.optimizers.Adam(1e-3, clipper=AGC),
        callbacks=[Counting(**callback)],
    )


def test_run_with_own_parts_is_resumed_as_if_it_had_not_stopped(tmp_path):
    whole = run(Config(**SMALL, run_folder=tmp_path / "whole"), **parts())
    with contextlib.suppress(Killed):
        run(Config(**SMALL, run_folder=tmp_path / "broken"), **parts(die_at=896))
    assert newest_step(tmp_path / "broken") == 768
    again = parts()
    resumed = run(Config(resume=tmp_path / "broken"), **again)
    assert_same(tmp_path / "whole", tmp_path / "broken")
    np.testing.assert_array_equal(whole.returns, resumed.returns)
    assert again["callbacks"][0].blocks == 12
    assert again["callbacks"][0].log == [896, 1024, 1152, 1280, 1408, 1536]
    assert type(whole.policy) is NetworkPolicy
    state, _ = read_newest(tmp_path / "whole" / "checkpoints")
    assert state["agent"]["chance"], "dropout's state is kept"
    # Running means follow as the weights do.
    mean = whole.policy.weights[4]
    assert mean.shape == (16,)
    assert np.abs(mean).max() > 0
    # And the policy alone is the same network.
    assert play(Play(tmp_path / "whole", episodes=1), tell=lambda _: None) > 0


def test_run_is_not_resumed_with_other_parts(tmp_path):
    with contextlib.suppress(Killed):
        config = Config(**SMALL, run_folder=tmp_path / "run")
        run(config, epsilon=0.5, callbacks=[Counting(die_at=384)])
    with pytest.raises(ConfigError, match=r"begun with: epsilon\. Received: none"):
        run(Config(resume=tmp_path / "run"))


def test_callback_ends_a_run_that_can_go_on(tmp_path, capsys):
    config = Config(**SMALL, run_folder=tmp_path / "run")
    first = run(config, callbacks=[StopAtScore(1.0, evaluations=2)])
    assert first.stopped == "2 evaluations reached 1"
    assert [step for step, _ in first.history.evaluations] == [512, 1024]
    assert "stopped at step 1,024, saved" in capsys.readouterr().out
    assert newest_step(tmp_path / "run") == 1024
    second = run(Config(resume=tmp_path / "run"))
    assert second.stopped is None
    run(Config(**SMALL, run_folder=tmp_path / "whole"))
    assert_same(tmp_path / "whole", tmp_path / "run")


def test_stop_button_ends_a_run_that_goes_on_in_the_same_process(tmp_path):
    class Pressed(Callback):
        def on_block(self, moment):
            if moment.row["step"] == 640:
                os.kill(os.getpid(), signal.SIGINT)

    first = run(Config(**SMALL, run_folder=tmp_path / "run"), callbacks=[Pressed()])
    assert first.stopped == "SIGINT"
    assert newest_step(tmp_path / "run") == 640
    assert run(Config(resume=tmp_path / "run")).history.evaluations[-1][0] == 1536


def test_policy_is_on_disk_from_the_first_evaluation_on(tmp_path):
    seen = []

    class Look(Callback):
        def on_evaluation(self, moment):
            folder = moment.run_folder
            network = keras.saving.load_model(folder / "policy.keras")
            weights = network.get_weights()
            best = moment.history.evaluations[-1][1] >= max(
                value for _, value in moment.history.evaluations
            )
            same = all(map(np.array_equal, weights, moment.policy.weights))
            seen.append(same == best)
            play(Play(folder, episodes=1), tell=lambda _: None)

    result = run(Config(**SMALL, run_folder=tmp_path / "run"), callbacks=[Look()])
    assert seen == [True, True, True]
    assert type(result.policy) is NumpyPolicy
    assert not list((tmp_path / "run").glob(".*"))


def test_model_is_copied_and_stays_as_it_was(tmp_path):
    model = own_network((4,), 2)
    before = [weight.copy() for weight in model.get_weights()]
    config = Config(**{**SMALL, "total_steps": 640}, run_folder=tmp_path / "run")
    result = run(config, network=model, clipper=AGC)
    assert all(map(np.array_equal, before, model.get_weights()))
    changes = map(np.subtract, result.policy.weights, before)
    assert 0 < max(np.abs(change).max() for change in changes) < 5


def test_model_of_a_class_that_keras_cannot_save_learns_all_the_same(tmp_path, capsys):
    result = run(
        Config(**SMALL, run_folder=tmp_path / "run"),
        network=lambda shape, actions: Subclassed(actions),
    )
    assert type(result.policy) is NetworkPolicy
    told = capsys.readouterr().out
    assert told.count("no policy.keras, since Keras cannot save this network") == 1
    assert not (tmp_path / "run" / "policy.keras").exists()
    assert np.abs(result.policy.q_values(np.ones((3, 4)))).max() < 1, "softsign"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (dict(network=lambda s, a: 3), r"network must be a keras\.Model or a function"),
        (
            dict(network=lambda s, a: own_network(s, a + 1)),
            r"values of shape \(batch, 2\).*outputs of shape \(None, 3\)",
        ),
        (dict(network=lambda s, a: own_network((7,), a)), r"observations of shape \(4"),
        (dict(epsilon=1.5), r"epsilon must be a number in \[0, 1\] or a function"),
        (dict(optimizer="adam"), r"optimizer must be a Keras optimizer or a function"),
        (dict(clipper=3.5), r"clipper must be one of keras_gradclip's"),
        (
            dict(clipper=AGC, optimizer=keras.optimizers.Adam()),
            r"clipper must be the argument of the optimizer",
        ),
        (dict(total_steps=100), r"the argument is for a resumed one"),
    ],
    ids=str,
)
def test_what_is_no_part_is_told_in_one_line(given, words, tmp_path):
    with pytest.raises(ConfigError, match=words) as told:
        run(Config(**SMALL, run_folder=tmp_path / "run"), **given)
    assert "\n" not in str(told.value)
    assert not (tmp_path / "run").exists()


def test_schedule_that_leaves_its_range_ends_the_run(tmp_path):
    config = Config(**SMALL, run_folder=tmp_path / "run")
    with pytest.raises(RunError, match=r"share in \[0, 1\]; at step 100 it gives"):
        run(config, epsilon=lambda step: 1 - step / 99.5)
