"""The DQN example on a game of Atari: steps per second, where they go, memory.

    python -m benchmarks.dqn_atari

trains Pong with its settings in `configs.py` and writes `results/dqn_atari.md`.
It needs the extras `dqn` and `atari`.
"""

import argparse
import os
import platform
import resource
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from benchmarks import RESULTS
from benchmarks.stopwatch import Stopwatch
from examples.dqn.settings.tuned import tuned_config
from examples.dqn.train import main as train

RESULT = RESULTS / "dqn_atari.md"
PACKAGES = ["keras", "tensorflow", "gymnasium", "ale-py", "numpy"]
LARGE = 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--env-id", default="ALE/Pong-v5")
    parser.add_argument("--total-steps", type=int, default=20_000)
    parser.add_argument("--result", type=Path, default=RESULT)
    options = parser.parse_args()

    # Before these, the example's own module has chosen Keras's backend.
    from examples.dqn.agent import Agent
    from examples.dqn.networks.graph_policy import GraphPolicy
    from examples.dqn.replay.frame_store import FrameStore, frame_store_nbytes
    from examples.dqn.replay.nstep import NStep
    from examples.dqn.replay.replay import Replay
    from examples.dqn.trainer import Trainer

    def watch(owner: type, *names: str) -> list[Stopwatch]:
        return [Stopwatch(owner, name, time.perf_counter) for name in names]

    # Evaluation steps environments and acts as well: it is taken out below.
    loop, evaluation, saving, collecting = watch(
        Trainer, "run", "_evaluate", "save", "_collect"
    )
    parts = {
        "acting": watch(GraphPolicy, "explore"),
        "storing images": [
            *watch(FrameStore, "put_away", "add"),
            *watch(NStep, "push"),
        ],
        "drawing and stacking": watch(Replay, "sample"),
        "updates": watch(Agent, "update"),
    }
    with tempfile.TemporaryDirectory() as folder:
        config = tuned_config(
            options.env_id,
            total_steps=options.total_steps,
            run_folder=Path(folder) / "run",
        )
        result = train(config)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    seconds = {name: sum(part.seconds for part in each) for name, each in parts.items()}
    steps_alone = seconds["acting"] + seconds["storing images"]
    seconds["the game, and stacks to act on"] = collecting.seconds - steps_alone
    seconds["evaluations"] = evaluation.seconds
    seconds["checkpoints"] = saving.seconds
    seconds["the rest"] = loop.seconds - sum(seconds.values())
    training = loop.seconds - evaluation.seconds - saving.seconds
    playing = steps_alone + seconds["the game, and stacks to act on"]
    rows = [f"| {name} | {value:.1f} |" for name, value in seconds.items()]
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    capacity = frame_store_nbytes(config.replay_size, (84, 84, 1)) / 1e9
    large = frame_store_nbytes(LARGE, (84, 84, 1)) / 1e9
    options.result.write_text(
        f"""# DQN on {options.env_id}

Made by `python -m benchmarks.dqn_atari`, on the CPU, with
{os.cpu_count()} cores, which other processes used as well.
Python {platform.python_version()}, {versions}.

The settings are those of `python -m examples.dqn.train --env-id {options.env_id}`.

| | |
| --- | --- |
| environment steps (four frames each) | {config.total_steps:,} |
| updates of batch {config.batch_size} | {result.updates:,} |
| environment steps per second, evaluations and checkpoints left out | \
{config.total_steps / training:.0f} |
| environment steps per second, playing alone | {config.total_steps / playing:.0f} |
| updates per second | {result.updates / seconds["updates"]:.1f} |
| largest resident memory, GiB | {memory:.2f} |
| score of {config.final_episodes} greedy games | {result.score:.1f} |
| whole command, seconds | {result.seconds:.0f} |

| part of the run | seconds |
| --- | --- |
{chr(10).join(rows)}

The replay of {config.replay_size:,} transitions takes {capacity:.2f} GB when it is
full; one of {LARGE:,} takes {large:.2f} GB, where stacks of observation and next
observation would take {2 * 4 * 84 * 84 * LARGE / 1e9:.1f} GB.

So short a run is no attempt at the game: it shows that all works, and how fast.
"""
    )


if __name__ == "__main__":
    main()
