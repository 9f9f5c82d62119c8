"""Settings of the run around an agent: what is played, where, and what is kept."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from examples.dqn.settings.ranges import Range


@dataclass(frozen=True)
class EnvironmentSettings:
    """What is played, and for how long."""

    env_id: str = "CartPole-v1"
    """Gymnasium environment with Box observations and Discrete actions. Bytes of
    two or three axes are images; Box observations of any other form are made
    flat. Atari games are named ALE/Pong-v5 and the like. It brings the settings
    tuned for it, if there are any (settings/tuned.py)."""

    seed: Annotated[int, Range(at_least=0)] = 0
    """Seed of weights, exploration, replay and environments."""

    total_steps: Annotated[int, Range(at_least=1)] = 50_000
    """Environment steps to train for."""

    num_envs: Annotated[int, Range(at_least=1)] = 1
    """Environments stepped side by side."""

    vectorization: Literal["loop", "sync", "async", "vector_entry_point"] = "loop"
    """Who steps them: loop is ours; the others are Gymnasium's: async gives each
    environment a process, vector_entry_point is the environment's own, which
    Atari games always have."""

    frame_stack: Annotated[int, Range(at_least=1)] = 4
    """Newest images of an episode that are one observation; of no effect where
    observations are no images."""

    reward_clip: Annotated[float | None, Range(above=0)] = None
    """Largest absolute reward that the learner sees, step by step; None: as it is.
    Returns are counted unclipped."""


@dataclass(frozen=True)
class MachineSettings:
    """Where updates are computed. A resumed run may change these."""

    strategy: Literal[
        "auto", "default", "one_device", "mirrored", "multi_worker", "tpu"
    ] = "auto"
    """Where to train: auto takes all GPUs if there are several, else the one
    GPU, else the CPU; default is tf.distribute's own default; multi_worker takes
    the processes that TF_CONFIG names; tpu the TPU of this machine."""

    logical_devices: Annotated[int, Range(at_least=1)] = 1
    """CPU devices to split this machine into, so that mirrored can be tried
    without GPUs."""

    xla: bool = True
    """Compile updates with XLA, on one replica; several are never compiled."""

    threads: Annotated[int, Range(at_least=1)] = 1
    """CPU threads within one operation; small networks want 1."""


@dataclass(frozen=True)
class EvaluationSettings:
    """How good the policy is, and what is kept of it."""

    eval_every: Annotated[int, Range(at_least=1)] = 2_500
    """Environment steps between two greedy evaluations."""

    eval_episodes: Annotated[int, Range(at_least=1)] = 10
    """Episodes of each evaluation during training."""

    keep: Literal["best", "last"] = "best"
    """Weights that the final score is for: those that did best in the greedy
    evaluations during training (the later ones of equals), or the last ones."""

    final_episodes: Annotated[int, Range(at_least=1)] = 100
    """Greedy episodes behind the final score."""

    video: bool = False
    """Record one episode of the policy kept, off-screen, as policy.gif. Needs
    pip install -e '.[dqn,video]'."""


@dataclass(frozen=True)
class FilesSettings:
    """What is written, and where."""

    checkpoint_every: Annotated[int, Range(at_least=1)] = 10_000
    """Environment steps between two checkpoints."""

    checkpoint_replay: bool = True
    """Whether checkpoints hold the replay, which is most of them. Without it a
    resumed run first fills a new one with learning_starts steps."""

    keep_checkpoints: Annotated[int, Range(at_least=1)] = 2
    """Newest checkpoints that stay on disk."""

    resume: Path | None = None
    """Folder of a run, or of a run of several seeds, to go on with from its newest
    checkpoint, as if it had never stopped. It brings its settings; beside it only
    flags of the machine are allowed: strategy, logical-devices, threads and xla,
    jobs for several seeds, and total-steps, with which it goes on as a run of so
    many steps, be it over or not."""

    init_from: Path | None = None
    """Folder of a run whose kept weights this one begins with; only the layers of
    the network must be the same."""

    run_folder: Path | None = None
    """New or empty folder for metrics.csv, TensorBoard events, checkpoints and
    pictures. None makes one under runs/, named after environment, seed
    and time."""
