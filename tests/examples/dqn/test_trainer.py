"""What the loop keeps of what it finds."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)
pytest.importorskip("gymnasium")
pytest.importorskip("matplotlib")

from examples.dqn import trainer
from examples.dqn.settings.config import Config


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
