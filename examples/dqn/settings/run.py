"""Settings of the run around an agent: what is played, where, and what is kept."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from examples.dqn.errors import ConfigError
from examples.dqn.settings.ranges import Range


@dataclass(frozen=True)
class EnvironmentSettings:
    """What is played, and for how long."""

    env_id: str = "CartPole-v1"
    """Gymnasium environment with Discrete actions; module:Name-v0 imports the module
    that registers it. Bytes of two or three axes are images; all other observations
    are made flat by Gymnasium, numbers of states and dictionaries included. Atari
    games are named ALE/Pong-v5 and the like. It brings the settings tuned for it,
    if there are any (settings/tuned.py)."""

    env_kwargs: tuple[str, ...] = ()
    """What the environment is made with, as name=value: size=3 slippery=False. From
    Python a dictionary will do."""

    max_episode_steps: Annotated[int | None, Range(at_least=1)] = None
    """Steps after which an episode is truncated, in training and in evaluations;
    None is the environment's own limit."""

    wrapper: str | None = None
    """module:function that is given each environment and returns the one to play,
    wrapped in Gymnasium's wrappers for example."""

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

    images: Literal["auto", "channels_last", "channels_first", "none"] = "auto"
    """Where bytes of two or three axes have their channels: auto takes them to be
    first where only the first axis has 1, 3 or 4 entries; none says that such bytes
    are no images but numbers like others."""

    action_mask: Literal["auto", "on", "off"] = "auto"
    """Keep to the actions that info["action_mask"] allows, in exploring, in greedy
    episodes and in targets; auto does so where the environment gives one. The mask
    becomes the end of the observation."""

    frame_stack: Annotated[int, Range(at_least=1)] = 4
    """Newest images of an episode that are one observation; of no effect where
    observations are no images."""

    reward_clip: Annotated[float | None, Range(above=0)] = None
    """Largest absolute reward that the learner sees, step by step; None: as it is.
    Returns are counted unclipped."""

    scale_rewards: bool = False
    """Divide the rewards that the learner sees by the running standard deviation of
    their discounted sum. Returns are counted unscaled. Not beside reward_clip."""

    def env_arguments(self) -> dict[str, Any]:
        """`env_kwargs` as the environment gets them.

        A value is what Python reads in it, and a text where that is nothing.

        Raises:
            ConfigError: If one of them is no name=value.
        """
        found: dict[str, Any] = {}
        for word in self.env_kwargs:
            name, equals, value = word.partition("=")
            if not equals or not name.isidentifier():
                raise ConfigError(
                    f"env_kwargs must be like name=value. Received: env_kwargs={word}"
                )
            try:
                found[name] = ast.literal_eval(value)
            except (ValueError, SyntaxError):
                found[name] = value
        return found


def words_of(arguments: Mapping[str, Any]) -> tuple[str, ...]:
    """The `env_kwargs` that mean these arguments.

    Raises:
        ConfigError: If a value cannot be written down, as an object cannot.
    """
    words = tuple(f"{name}={value!r}" for name, value in arguments.items())
    if EnvironmentSettings(env_kwargs=words).env_arguments() != dict(arguments):
        raise ConfigError(
            "env_kwargs must have values of Python's own kinds; a wrapper can give an "
            f"environment others. Received: env_kwargs={dict(arguments)}"
        )
    return words


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

    eval_envs: Literal["each", "one", "training"] = "each"
    """What the episodes of an evaluation are played on: each on an environment of
    its own, side by side; one after the other on one; or on the training
    environment, where only one can exist at a time, which ends its episode."""

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
