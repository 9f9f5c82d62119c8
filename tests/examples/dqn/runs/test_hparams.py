"""TensorBoard's table of hyper-parameters has a row for a run."""

import keras
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)
pytest.importorskip("tensorboard")

from examples.dqn.runs.hparams import write_hparams
from examples.dqn.runs.report import Report, Row
from examples.dqn.settings.config import Config


def test_settings_and_scores_are_added_to_the_events_of_the_run(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import metadata

    folder = tmp_path / "run"
    folder.mkdir()
    report = Report(folder, 256)
    report.record(Row(128, 8, 2, 0.5, loss=0.25))
    report.close()
    scores = {"score": 7.5, "last_score": 6.0}
    write_hparams(folder, Config(gamma=0.9, hidden_sizes=(8, 4)), 256, scores)
    assert len(list(folder.iterdir())) == 2, "events and metrics"
    events = EventAccumulator(str(folder)).Reload()
    assert events.Scalars("loss")[0].value == 0.25
    assert [(e.step, e.value) for e in events.Scalars("score")] == [(256, 7.5)]
    assert events.Scalars("last_score")[0].value == 6.0
    content = events.summary_metadata[metadata.SESSION_START_INFO_TAG]
    found = metadata.parse_session_start_info_plugin_data(content.plugin_data.content)
    assert found.hparams["gamma"].number_value == 0.9
    assert found.hparams["hidden_sizes"].string_value == "(8, 4)"
    assert found.hparams["double"].bool_value is True
    assert "run_folder" not in found.hparams
