"""Settings and final scores for TensorBoard's table of hyper-parameters."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from examples.dqn.settings.config import Config

# They say where a run is, not what it is.
_PLACES = {"resume", "run_folder", "init_from"}


def write_hparams(
    folder: Path, config: Config, step: int, scores: dict[str, float]
) -> None:
    """Adds the settings and the scores of a run that has ended to its events.

    They go into the file that is there, since TensorBoard reads one file of a run.

    Args:
        folder: Of the run.
        config: Its settings.
        step: Environment steps that it took.
        scores: By the names that the table is to have.
    """
    try:
        from tensorboard.plugins.hparams import api
    except ImportError:  # a TensorBoard without its plugins
        return
    *_, path = sorted(folder.glob("events.out.tfevents.*"))
    values = [Summary.Value(tag=name, simple_value=v) for name, v in scores.items()]
    settings = api.hparams_pb(_settings(config), trial_id=folder.absolute().name)
    with path.open("ab") as file:
        writer = RecordWriter(file)
        for summary in (settings, Summary(value=values)):
            event = Event(summary=summary, step=step, wall_time=time.time())
            writer.write(event.SerializeToString())
        writer.flush()


def _settings(config: Config) -> dict[str, Any]:
    """Numbers, switches and texts, which are all that the table takes."""
    return {
        name: value if isinstance(value, (bool, int, float, str)) else str(value)
        for name, value in asdict(config).items()
        if name not in _PLACES
    }
