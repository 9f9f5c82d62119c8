"""Settings of the agent: what it learns with, and how."""

from dataclasses import dataclass
from typing import Annotated, Literal

from examples.dqn.settings.ranges import OneOf, Range
from examples.dqn.settings.rules import rule_names


@dataclass(frozen=True)
class LearningSettings:
    """The learning rule, and how often it is applied."""

    learning_starts: Annotated[int, Range(at_least=1)] = 1_000
    """Environment steps taken before the first update."""

    train_every: Annotated[int, Range(at_least=1)] = 128
    """Environment steps between two blocks of updates."""

    updates_per_train: Annotated[int, Range(at_least=1)] = 64
    """Gradient steps in one block, which is one compiled call."""

    batch_size: Annotated[int, Range(at_least=1)] = 64
    """Transitions per gradient step, over all replicas together."""

    gamma: Annotated[float, Range(at_least=0, at_most=1)] = 0.99
    """Discount per environment step."""

    double: bool = True
    """Double DQN: the online network selects the next action and the target
    network values it."""

    n_step: Annotated[int, Range(at_least=1)] = 1
    """Environment steps whose rewards a transition sums before the value of what
    follows is estimated."""

    advantage_learning: Annotated[float, Range(at_least=0, at_most=0.99)] = 0.0
    """Share of what an action is worth less than the best one that its target is
    lowered by: above 0, it keeps apart actions that are worth nearly the same."""

    loss: Literal["huber", "mse"] = "huber"
    """What a TD error costs: half its square, which Huber's loss continues by a
    line. Ignored if distributional."""

    huber_delta: Annotated[float, Range(above=0)] = 1.0
    """TD error at which the Huber loss turns from square to linear."""

    target_period: Annotated[int, Range(at_least=1)] = 64
    """Gradient steps between two moves of the target network."""

    target_rate: Annotated[float, Range(above=0, at_most=1)] = 1.0
    """Share of the online weights in each move of the target network: 1 copies
    them (hard update); 0.005 with target_period 1 is the usual soft update."""


@dataclass(frozen=True)
class ReplaySettings:
    """What is remembered, and how it is drawn."""

    replay_size: int = 50_000
    """Transitions kept; the oldest leave first. At least batch_size."""

    prioritized: bool = False
    """Draw transitions by their TD error instead of uniformly."""

    priority_exponent: Annotated[float, Range(at_least=0, at_most=1)] = 0.6
    """How much the TD error decides about a draw."""

    priority_correction: Annotated[float, Range(at_least=0, at_most=1)] = 0.4
    """Share of the bias of prioritized draws that is corrected at the start of the
    run; it rises to 1 at the end."""


@dataclass(frozen=True)
class NetworkSettings:
    """What computes the values of actions."""

    hidden_sizes: Annotated[tuple[int, ...], Range(at_least=1)] = (256, 256)
    """Units of each hidden layer."""

    layer_norm: bool = False
    """Normalise each hidden layer before its ReLU."""

    normalize_observations: bool = False
    """Bring each entry of the observations to mean 0 and variance 1, over all that
    was played so far. The statistics are weights of the network, so evaluations
    and the saved policy have them. Of no effect on images."""

    dueling: bool = False
    """Two streams, one for the value of the state and one for the advantages of
    the actions."""

    distributional: bool = False
    """Learn quantiles of the return (QR-DQN) instead of its mean."""

    quantiles: Annotated[int, Range(at_least=2)] = 50
    """Quantiles per action, if distributional."""

    noisy: bool = False
    """Explore by learned noise in the last hidden layer and the heads; usually
    with epsilon_start and epsilon_end 0."""

    noisy_sigma: Annotated[float, Range(at_least=0)] = 0.5
    """Initial size of that noise, before division by sqrt(fan_in)."""

    mixed_precision: bool = False
    """Compute hidden layers in bfloat16, with weights in float32. It pays on GPUs
    and TPUs; few CPUs have it."""


@dataclass(frozen=True)
class ExplorationSettings:
    """How much is tried at random."""

    epsilon_schedule: Literal["linear", "exponential", "piecewise", "constant"] = (
        "linear"
    )
    """How the share of random actions falls from epsilon_start to epsilon_end
    over the first epsilon_fraction of the run, or along epsilon_points; constant
    stays at epsilon_end. Each environment draws for itself."""

    epsilon_start: Annotated[float, Range(at_least=0, at_most=1)] = 1.0
    """Share of random actions at step 0."""

    epsilon_end: Annotated[float, Range(at_least=0, at_most=1)] = 0.04
    """Share of random actions after the decay."""

    epsilon_fraction: Annotated[float, Range(above=0, at_most=1)] = 0.16
    """Part of total_steps that the decay takes."""

    epsilon_points: tuple[tuple[int, float], ...] = (
        (0, 1.0),
        (5_000, 0.1),
        (25_000, 0.02),
    )
    """(step, epsilon) corners of the piecewise schedule, joined by straight
    lines. Steps rise; epsilons in [0, 1]."""


@dataclass(frozen=True)
class OptimizerSettings:
    """How far a gradient moves the weights."""

    learning_rate: Annotated[float, Range(above=0)] = 1e-3
    """Adam's step size at the first update."""

    learning_rate_end: Annotated[float, Range(at_least=0)] = 0.0
    """Adam's step size at the last update."""

    learning_rate_schedule: Literal["linear", "cosine", "constant"] = "linear"
    """The way from learning_rate to learning_rate_end: a straight line, half a
    cosine, or none, which keeps learning_rate."""

    adam_epsilon: Annotated[float, Range(above=0)] = 1e-8
    """Adam's guard against division by zero."""


@dataclass(frozen=True)
class ClippingSettings:
    """What bounds the gradients."""

    clipper: Annotated[str, OneOf(("none", *rule_names()))] = "autoclip"
    """Rule that bounds the gradients, by the name it has in keras_gradclip; those
    that have a number below take it, the others the package's defaults."""

    clip_percentile: Annotated[float, Range(above=0, at_most=100)] = 10.0
    """Percentile of the norms seen so far that bounds the next one, for
    autoclip. The default is the AutoClip paper's; it scored what the norm of 10
    scored that others found by trial."""

    clip_window: Annotated[int | None, Range(at_least=1)] = None
    """Updates that autoclip remembers; None remembers all."""

    clip_max_norm: Annotated[float, Range(above=0)] = 10.0
    """Largest norm, for clip_by_norm."""

    clip_value: Annotated[float, Range(above=0)] = 1.0
    """Largest absolute gradient entry, for clip_by_value."""

    clip_scope: Literal["global", "layer", "variable", "unit"] | None = None
    """Which gradients share one norm and one threshold; None leaves it to the
    rule. Unit is for rules without a history, such as agc."""
