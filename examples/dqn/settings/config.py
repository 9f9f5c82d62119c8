"""Every knob of the example, what it means, and the values it accepts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from examples.dqn.settings.checks import (
    check_epsilon_points,
    check_numbers,
    check_together,
)


@dataclass(frozen=True)
class Config:
    """Everything that one run depends on."""

    env_id: str = "CartPole-v1"
    """Gymnasium environment with Box observations and Discrete actions. Bytes of
    two or three axes are images; Box observations of any other form are made
    flat. Atari games are named ALE/Pong-v5 and the like. It brings the settings
    tuned for it, if there are any (settings/tuned.py)."""

    seed: int = 0
    """Seed of weights, exploration, replay and environments. At least 0."""

    total_steps: int = 50_000
    """Environment steps to train for. At least 1."""

    num_envs: int = 1
    """Environments stepped side by side. At least 1."""

    vectorization: Literal["loop", "sync", "async", "vector_entry_point"] = "loop"
    """Who steps them: loop is ours; the others are Gymnasium's: async gives each
    environment a process, vector_entry_point is the environment's own, which
    Atari games always have."""

    frame_stack: int = 4
    """Newest images of an episode that are one observation; of no effect where
    observations are no images. At least 1."""

    reward_clip: float | None = None
    """Largest absolute reward that the learner sees, step by step; None: as it is.
    Returns are counted unclipped. Above 0."""

    learning_starts: int = 1_000
    """Environment steps taken before the first update. At least 1."""

    train_every: int = 128
    """Environment steps between two blocks of updates. At least 1."""

    updates_per_train: int = 64
    """Gradient steps in one block, which is one compiled call. At least 1."""

    batch_size: int = 64
    """Transitions per gradient step, over all replicas together. At least 1."""

    replay_size: int = 50_000
    """Transitions kept; the oldest leave first. At least batch_size."""

    gamma: float = 0.99
    """Discount per environment step. In [0, 1]."""

    double: bool = True
    """Double DQN: the online network selects the next action and the target
    network values it."""

    n_step: int = 1
    """Environment steps whose rewards a transition sums before the value of what
    follows is estimated. At least 1."""

    prioritized: bool = False
    """Draw transitions by their TD error instead of uniformly."""

    priority_exponent: float = 0.6
    """How much the TD error decides about a draw. In [0, 1]."""

    priority_correction: float = 0.4
    """Share of the bias of prioritized draws that is corrected at the start of the
    run; it rises to 1 at the end. In [0, 1]."""

    dueling: bool = False
    """Two streams, one for the value of the state and one for the advantages of
    the actions."""

    distributional: bool = False
    """Learn quantiles of the return (QR-DQN) instead of its mean."""

    quantiles: int = 50
    """Quantiles per action, if distributional. At least 2."""

    noisy: bool = False
    """Explore by learned noise in the last hidden layer and the heads; usually
    with epsilon_start and epsilon_end 0."""

    noisy_sigma: float = 0.5
    """Initial size of that noise, before division by sqrt(fan_in). At least 0."""

    layer_norm: bool = False
    """Normalise each hidden layer before its ReLU."""

    hidden_sizes: tuple[int, ...] = (256, 256)
    """Units of each hidden layer. Each at least 1."""

    loss: Literal["huber", "mse"] = "huber"
    """What a TD error costs: half its square, which Huber's loss continues by a
    line. Ignored if distributional."""

    huber_delta: float = 1.0
    """TD error at which the Huber loss turns from square to linear. Above 0."""

    target_period: int = 64
    """Gradient steps between two moves of the target network. At least 1."""

    target_rate: float = 1.0
    """Share of the online weights in each move of the target network: 1 copies
    them (hard update); 0.005 with target_period 1 is the usual soft update.
    In (0, 1]."""

    epsilon_schedule: Literal["linear", "exponential", "piecewise", "constant"] = (
        "linear"
    )
    """How the share of random actions falls from epsilon_start to epsilon_end
    over the first epsilon_fraction of the run, or along epsilon_points; constant
    stays at epsilon_end. Each environment draws for itself."""

    epsilon_start: float = 1.0
    """Share of random actions at step 0. In [0, 1]."""

    epsilon_end: float = 0.04
    """Share of random actions after the decay. In [0, 1]."""

    epsilon_fraction: float = 0.16
    """Part of total_steps that the decay takes. In (0, 1]."""

    epsilon_points: tuple[tuple[int, float], ...] = (
        (0, 1.0),
        (5_000, 0.1),
        (25_000, 0.02),
    )
    """(step, epsilon) corners of the piecewise schedule, joined by straight
    lines. Steps rise; epsilons in [0, 1]."""

    learning_rate: float = 1e-3
    """Adam's step size at the first update. Above 0."""

    learning_rate_end: float = 0.0
    """Adam's step size at the last update. At least 0."""

    learning_rate_schedule: Literal["linear", "cosine", "constant"] = "linear"
    """The way from learning_rate to learning_rate_end: a straight line, half a
    cosine, or none, which keeps learning_rate."""

    adam_epsilon: float = 1e-8
    """Adam's guard against division by zero. Above 0."""

    clipper: Literal[
        "none", "norm", "value", "autoclip", "agc", "zclip", "adagc", "quantile"
    ] = "autoclip"
    """Rule that bounds the gradients; each has its number below, or else the
    package's default."""

    clip_percentile: float = 10.0
    """Percentile of the norms seen so far that bounds the next one, for
    autoclip. The default is the AutoClip paper's; it scored what the norm of 10
    scored that others found by trial. In (0, 100]."""

    clip_window: int | None = None
    """Updates that autoclip remembers; None remembers all. At least 1."""

    clip_norm: float = 10.0
    """Largest norm, for norm. Above 0."""

    clip_value: float = 1.0
    """Largest absolute gradient entry, for value. Above 0."""

    clip_scope: Literal["global", "layer", "variable", "unit"] | None = None
    """Which gradients share one norm and one threshold; None leaves it to the
    rule. Unit is for rules without a history, such as agc."""

    strategy: Literal[
        "auto", "default", "one_device", "mirrored", "multi_worker", "tpu"
    ] = "auto"
    """Where to train: auto takes all GPUs if there are several, else the one
    GPU, else the CPU; default is tf.distribute's own default; multi_worker takes
    the processes that TF_CONFIG names; tpu the TPU of this machine."""

    logical_devices: int = 1
    """CPU devices to split this machine into, so that mirrored can be tried
    without GPUs. At least 1."""

    xla: bool = True
    """Compile updates with XLA, on one replica; several are never compiled."""

    mixed_precision: bool = False
    """Compute hidden layers in bfloat16, with weights in float32. It pays on GPUs
    and TPUs; few CPUs have it."""

    threads: int = 1
    """CPU threads within one operation; small networks want 1. At least 1."""

    eval_every: int = 2_500
    """Environment steps between two greedy evaluations. At least 1."""

    eval_episodes: int = 10
    """Episodes of each evaluation during training. At least 1."""

    keep: Literal["best", "last"] = "best"
    """Weights that the final score is for: those that did best in the greedy
    evaluations during training (the later ones of equals), or the last ones."""

    final_episodes: int = 100
    """Greedy episodes behind the final score. At least 1."""

    video: bool = False
    """Record one episode of the policy kept, off-screen, as policy.gif. Needs
    pip install -e '.[dqn,video]'."""

    checkpoint_every: int = 10_000
    """Environment steps between two checkpoints. At least 1."""

    keep_checkpoints: int = 2
    """Newest checkpoints that stay on disk. At least 1."""

    resume: Path | None = None
    """Folder of a run, or of a run of several seeds, to go on with from its newest
    checkpoint, as if it had never stopped. It brings its settings; beside it only
    flags of the machine are allowed: strategy, logical-devices, threads and xla,
    and jobs for several seeds."""

    run_folder: Path | None = None
    """New or empty folder for metrics.csv, TensorBoard events, checkpoints and
    pictures. None makes one under runs/, named after environment, seed
    and time."""

    def __post_init__(self) -> None:
        check_numbers(self)
        check_epsilon_points(self.epsilon_points)
        check_together(self)


OF_THE_MACHINE = ("strategy", "logical_devices", "threads", "xla")


def machine_settings(config: Config) -> dict[str, Any]:
    """Those settings that say where to train and are not the defaults.

    They are all that a resumed run may change.
    """
    return {
        name: getattr(config, name)
        for name in OF_THE_MACHINE
        if getattr(config, name) != getattr(Config, name)
    }
