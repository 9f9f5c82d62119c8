"""The loop: when it does what, and what it keeps of what it finds."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)
pytest.importorskip("gymnasium")
pytest.importorskip("matplotlib")

from helpers.dqn_stand_ins import SMALL, IdleAgent, Seven

from examples.dqn import trainer
from examples.dqn.envs.loop import LoopEnvironments
from examples.dqn.errors import RunError
from examples.dqn.runs import trainer_state
from examples.dqn.runs.interrupt import Interrupt
from examples.dqn.schedules import epsilon_schedule
from examples.dqn.settings.config import Config


@pytest.fixture
def make(monkeypatch, tmp_path):
    """Makes a trainer, its log of events and its rows."""

    def make(kept_norms=10**6, **settings):
        config, log, rows = Config(**{**SMALL, **settings}), [], []

        def record(row):
            rows.append(row)
            log.append(("row", row.step))

        def write(folder, step, state, keep):
            assert keep == config.keep_checkpoints
            log.append(("save", step))

        def evaluate(*_):
            log.append("evaluate")
            return np.array([1.0, 4.0])

        monkeypatch.setattr(trainer, "write_checkpoint", write)
        monkeypatch.setattr(trainer, "evaluate", evaluate)
        report = SimpleNamespace(record=record, rows=rows, folder=tmp_path)
        envs = LoopEnvironments([Seven] * config.num_envs, 0)
        agent, generator = IdleAgent(log, kept_norms), np.random.default_rng(0)
        return trainer.Trainer(config, agent, envs, report, generator, 0), log, rows

    return make


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"total_steps": 97, "learning_starts": 91},
        {"eval_every": 3, "checkpoint_every": 100},
        {"eval_every": 1000, "checkpoint_every": 1000, "learning_starts": 100},
        {"num_envs": 5, "eval_every": 20},
        {"num_envs": 4, "train_every": 6, "total_steps": 90},
    ],
    ids=str,
)
def test_when_it_does_what(settings, make):
    tested, log, _ = make(**settings)
    tested.run()
    config, step, expected = tested.config, 0, [("save", 0)]
    while step < config.total_steps:
        passed = []
        while len(passed) < config.train_every and step < config.total_steps:
            before, step = step, min(step + config.num_envs, config.total_steps)
            passed += range(before + 1, step + 1)
        if step >= config.learning_starts:
            expected.append("learn")
        if any(number % config.eval_every == 0 for number in passed):
            expected.append("evaluate")
        expected.append(("row", step))
        if any(number % config.checkpoint_every == 0 for number in passed):
            expected.append(("save", step))
    assert log == [*expected, ("save", config.total_steps)]


@pytest.mark.parametrize("settings", [{}, {"total_steps": 97}, {"num_envs": 5}])
def test_updates_are_as_many_as_the_learning_rate_is_made_for(settings, make):
    tested, *_ = make(**settings)
    tested.run()
    assert tested.agent.updates == tested.config.total_updates


def test_it_acts_with_what_it_learned_last_and_explores_less_and_less(make):
    tested, *_ = make(epsilon_fraction=1.0)
    tested.run()
    epsilon = epsilon_schedule(tested.config, 100)
    blocks = [max(0, step // 10 - 2) for step in range(100)]
    assert tested.agent.explored == [(b, epsilon(s)) for s, b in enumerate(blocks)]


def test_surplus_of_several_environments_is_dropped(make):
    tested, _, rows = make(num_envs=8)
    tested.run()
    assert tested.step == rows[-1].step == len(tested.replay) == 100


def test_rows_tell_of_the_episodes_and_of_the_last_block(make):
    tested, _, rows = make(total_steps=300, clipper="clip_by_norm")
    tested.run()
    # Each episode pays 1 + 2 + ... + 7.
    assert tested.history.episodes == [(7 * i, 28.0) for i in range(1, 43)]
    assert [row.episodes for row in rows] == [row.step // 7 for row in rows]
    assert rows[0].mean_return == 28.0
    assert (rows[0].loss, rows[0].norm, rows[0].greedy_return) == (None, None, None)
    assert rows[-1].loss == 2.0
    last = np.arange(tested.agent.updates - 4, tested.agent.updates)
    assert (rows[-1].norm, rows[-1].threshold) == (last.mean(), last.mean() / 2)
    assert rows[-1].clip_fraction == 0.5
    assert [row.greedy_return for row in rows[:5]] == [None, None, 2.5, None, 2.5]
    assert tested.history.evaluations[:2] == [(30, 2.5), (50, 2.5)]


def test_mean_return_is_that_of_the_last_20_episodes(make):
    tested, _, rows = make()
    tested.history.episodes = [(0, float(value)) for value in range(50)]
    tested._record({})
    assert rows[-1].mean_return == np.mean(range(30, 50))


def test_norms_stand_over_the_steps_before_their_block(make):
    tested, *_ = make()
    tested.run()
    blocks = [clips["step"].tolist() for clips in tested.history.clips]
    assert blocks == [[s - 10, s - 7.5, s - 5, s - 2.5] for s in range(30, 101, 10)]


def test_norms_of_a_short_last_cycle_do_not_go_back(make):
    tested, *_ = make(total_steps=97)
    tested.run()
    steps = np.concatenate([clips["step"] for clips in tested.history.clips])
    assert (np.diff(steps) > 0).all()


def test_norms_of_a_block_that_is_longer_than_the_log(make):
    # The log of a clipper holds the last 1,024 updates, and fewer of many groups.
    tested, *_ = make(kept_norms=3)
    tested.run()
    assert len({len(values) for values in tested.history.clips[0].values()}) == 1


def test_interrupted_run_ends_its_cycle_and_is_saved(make, monkeypatch):
    tested, log, rows = make()
    interrupt, collect = Interrupt(), tested._collect

    def interrupted(end):
        collect(end)
        if tested.step == 50:
            interrupt.name = "SIGTERM"

    monkeypatch.setattr(tested, "_collect", interrupted)
    tested.run(interrupt)
    assert rows[-1].step == tested.step == 50
    assert log[-1] == ("save", 50)


def test_numbers_that_are_none_are_never_learned_from(make, monkeypatch):
    monkeypatch.setattr(Seven, "bad_step", 5)
    tested, log, _ = make(learning_starts=10)
    with pytest.raises(RunError, match=r"rewards that are not finite, .* step 10$"):
        tested.run()
    assert log == [("save", 0)]


@pytest.mark.parametrize("kept", [True, False])
def test_episodes_begin_anew_where_environments_could_not_be_kept(kept, make):
    first, *_ = make(n_step=3)
    first._collect(12)
    state = {name: getattr(first, name) for name in trainer_state.RESTORED}
    envs = trainer_state.try_pickle(first.envs) if kept else None
    tested, *_ = make(n_step=3)
    assert tested.restore({**state, "agent": {}, "envs": envs}) is kept
    assert tested.step == 12
    assert len(tested.nstep.waiting) == (2 if kept else 0)
    tested._collect(40)
    # Seven steps end the first episode; then five, and two or seven more.
    second = 14 if kept else 12 + 7
    steps = [step for step, _ in tested.history.episodes]
    assert steps[:3] == [7, second, second + 7]
    assert {value for _, value in tested.history.episodes} == {28.0}


@pytest.mark.parametrize(
    ("keep", "returns", "kept"),
    [
        ("best", [10.0, 500.0, 500.0, 30.0], 2),
        ("best", [10.0, 5.0], 0),
        ("last", [10.0, 5.0], 1),
        ("best", [], "untrained"),
        ("best", [-200.0, -90.0, -110.0], 1),
    ],
)
def test_which_policy_is_kept(keep, returns, kept, monkeypatch):
    envs = SimpleNamespace(observation_shape=(4,))
    agent = SimpleNamespace(policy=lambda: "untrained")
    tested = trainer.Trainer(Config(keep=keep), agent, envs, None, None, 0)
    for number, value in enumerate(returns):
        monkeypatch.setattr(trainer, "evaluate", lambda *_, v=value: np.array([v]))
        tested.policy = number
        tested._evaluate()
    assert tested.kept_policy() == kept
