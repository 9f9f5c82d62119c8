"""What a value should have been, and what a wrong one costs.

Values have the shape `(batch, actions)`, or `(batch, actions, quantiles)` where
the network describes the whole distribution of the return.
"""

from typing import Any

from keras import ops

Tensor = Any


def td_targets(
    rewards: Tensor, discounts: Tensor, q_next: Tensor, q_select: Tensor | None = None
) -> Tensor:
    """What the value of the action taken should have been.

    DQN: `reward + discount * max_a q_next[a]`. Double DQN lets `q_select` choose
    the action: `reward + discount * q_next[argmax_a q_select[a]]`. Quantiles are
    moved and shrunk one by one.

    Args:
        rewards: Shape `(batch,)`.
        discounts: Shape `(batch,)`; 0 where the episode terminated.
        q_next: Target network's values of the next observations.
        q_select: Online network's values of the same, for Double DQN.

    Returns:
        Shape `(batch,)` or `(batch, quantiles)`.

    References:
        Mnih et al., Human-level control through deep reinforcement learning, 2015.
        van Hasselt et al., Deep Reinforcement Learning with Double Q-learning,
        2016. https://arxiv.org/abs/1509.06461
    """
    selecting = mean_values(q_next if q_select is None else q_select)
    best = value_of(q_next, ops.argmax(selecting, axis=-1))
    if best.ndim == 2:
        rewards, discounts = rewards[:, None], discounts[:, None]
    return rewards + discounts * best


def advantage_lost(q_values: Tensor, actions: Tensor) -> Tensor:
    """How much less the action taken is worth than the best one.

    Advantage learning takes a share of it off the target, so that worse actions fall
    further behind than they are: `target - share * (max_a q[a] - q[action])`. The
    best action keeps its value, and with it the policy, but noise in the values no
    longer turns choices that are worth nearly the same.

    Args:
        q_values: Target network's values of the observations acted on.
        actions: Those taken, shape `(batch,)`.

    Returns:
        At least 0, shape `(batch,)`.

    References:
        Bellemare et al., Increasing the Action Gap: New Operators for
        Reinforcement Learning, 2016. https://arxiv.org/abs/1512.04860
    """
    means = mean_values(q_values)
    return ops.max(means, axis=-1) - value_of(means, actions)


def value_of(q_values: Tensor, actions: Tensor) -> Tensor:
    """Value of one action per row, shape `(batch,)` or `(batch, quantiles)`."""
    # A product with one-hot rows, because a gather has a slow gradient on CPUs.
    chosen = ops.one_hot(actions, q_values.shape[1], dtype=q_values.dtype)
    if q_values.ndim == 3:
        return ops.sum(q_values * chosen[:, :, None], axis=1)
    return ops.sum(q_values * chosen, axis=-1)


def mean_values(q_values: Tensor) -> Tensor:
    """The expected return of each action, shape `(batch, actions)`."""
    return q_values if q_values.ndim == 2 else ops.mean(q_values, axis=-1)


def huber(errors: Tensor, delta: float = 1.0) -> Tensor:
    """Half the square below `delta`, a line of slope `delta` above.

    Note:
        Its gradient is the error clipped to `[-delta, delta]`: a bound per
        transition, where the optimizer's clipper bounds the whole batch.
    """
    size = ops.abs(errors)
    square = ops.minimum(size, delta)
    return 0.5 * square**2 + delta * (size - square)


def squared(errors: Tensor) -> Tensor:
    """Half the square, as Huber's loss is near 0."""
    return 0.5 * ops.square(errors)


def quantile_huber(targets: Tensor, quantiles: Tensor, delta: float = 1.0) -> Tensor:
    """Pulls each quantile to its place in the distribution of the targets.

    The formula is `sum_i mean_j |tau_i - [u_ij < 0]| * huber(u_ij) / delta` with
    `u_ij = target_j - quantile_i` and `tau_i = (i + 0.5) / quantiles`.

    Args:
        targets: Shape `(batch, quantiles)`.
        quantiles: Shape `(batch, quantiles)`.
        delta: Where each term turns from square to linear.

    Returns:
        Shape `(batch,)`.

    References:
        Dabney et al., Distributional Reinforcement Learning with Quantile
        Regression, 2018. https://arxiv.org/abs/1710.10044
    """
    count = quantiles.shape[-1]
    levels = (ops.arange(count, dtype="float32") + 0.5) / count
    errors = targets[:, None, :] - quantiles[:, :, None]
    weights = ops.abs(levels[:, None] - ops.cast(errors < 0, errors.dtype))
    terms = weights * huber(errors, delta) / delta
    return ops.sum(ops.mean(terms, axis=2), axis=1)
