"""The examples of the page about Python run, in their order, in one process."""

import re
import sys
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)
pytest.importorskip("gymnasium")
pytest.importorskip("matplotlib")
pytest.importorskip("tyro")

PAGE = Path(__file__).parents[3] / "docs/dqn_python.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
QUICK = dict(
    learning_starts=500,
    train_every=128,
    updates_per_train=8,
    hidden_sizes=(16,),
    eval_every=500,
    eval_episodes=2,
    xla=False,
)


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """What the blocks leave behind, run once, from a folder of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("page"))
        names, results = {}, []
        for block in BLOCKS:
            exec(compile(block, str(PAGE), "exec"), names)
            if "config" in names and names["config"].xla:
                # As on the page, but with less to compile and to play.
                names["config"] = replaced(names["config"])
            if "result" in names and not any(r is names["result"] for r in results):
                results.append(names["result"])
        yield {**names, "results": results}


def replaced(config):
    from dataclasses import replace

    return replace(config, **QUICK)


def test_every_run_of_the_page_went_to_its_end(names):
    results = names["results"]
    assert len({result.run_folder for result in results}) == len(results) == 6
    for result in results:
        assert result.stopped is None
        assert result.returns.shape == (5,)
        assert result.history.evaluations
        assert (result.run_folder / "policy.keras").exists()
    assert names["longer"].run_folder == results[0].run_folder
    assert names["longer"].history.evaluations[-1][0] == 2500


def test_the_network_alone_chooses_as_the_policy(names):
    assert names["values"].shape == (1, 2)
    [action] = names["results"][0].policy.greedy(names["observation"][None])
    # The run went on, and may have become another.
    assert action in (0, 1)
    assert names["action"] == action


class Log(SimpleNamespace):
    """Notes what a service is told."""

    def __init__(self, **more):
        super().__init__(rows=[], summary={}, ended=False, **more)

    def note(self, row, step):
        self.rows.append((step, row))

    def end(self):
        self.ended = True


def test_wandb_is_told_offline(names, monkeypatch):
    log = Log()
    log.log, log.finish = log.note, log.end
    asked = []
    fake = SimpleNamespace(init=lambda **settings: asked.append(settings) or log)
    monkeypatch.setitem(sys.modules, "wandb", fake)
    told(names["Wandb"](project="mine"))
    assert asked[0]["project"] == "mine"
    assert asked[0]["config"]["env_id"] == "CartPole-v1"
    check(log)
    assert log.summary == {"score": 7.5}


def test_mlflow_is_told_offline(names, monkeypatch):
    log = Log()
    fake = SimpleNamespace(
        start_run=lambda **settings: None,
        log_metrics=log.note,
        log_metric=log.summary.__setitem__,
        end_run=log.end,
    )
    monkeypatch.setitem(sys.modules, "mlflow", fake)
    told(names["MLflow"](run_name="mine"))
    check(log)
    assert log.summary == {"score": 7.5}


def told(callback):
    """Tells a callback of a run of two blocks."""
    from examples.dqn.listeners import Listeners
    from examples.dqn.runs.history import History
    from examples.dqn.runs.report import Row
    from examples.dqn.settings.config import Config

    listeners = Listeners([callback], Config(), Path(), History())
    for step in (128, 256):
        listeners.cycle(Row(step, 8, 2, 0.5, loss=0.1), None, History(), False)
    listeners.end(None, 7.5)


def check(log):
    assert [step for step, _ in log.rows] == [128, 256]
    assert log.rows[0][1] == dict(
        step=128, updates=8, episodes=2, epsilon=0.5, loss=0.1
    )
    assert log.ended


def test_own_network_acted_itself(names):
    from examples.dqn.networks.network_policy import NetworkPolicy

    result = names["results"][1]
    assert type(result.policy) is NetworkPolicy
    network = keras.saving.load_model(result.run_folder / "policy.keras")
    observations = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)
    np.testing.assert_allclose(
        result.policy.q_values(observations), network(observations), rtol=1e-5
    )
    kernel, bias, out, last = result.policy.weights
    by_hand = np.tanh(observations @ kernel + bias) @ out + last
    np.testing.assert_allclose(network(observations), by_hand, rtol=1e-4, atol=1e-5)
