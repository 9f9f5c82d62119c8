"""Numbers that no agent can learn from are told where they come in."""

from collections.abc import Sequence

import numpy as np

from examples.dqn.errors import RunError
from examples.dqn.replay.transitions import Transitions


def check_numbers(collected: Sequence[Transitions], env_id: str, step: int) -> None:
    """Refuses what float32 cannot hold, before any of it is learned.

    Args:
        collected: What came in; a check of each step would cost as much as the step.
        env_id: From where.
        step: Environment steps so far.

    Raises:
        RunError: With what it is.
    """
    for name, parts in zip(Transitions._fields, zip(*collected)):
        numbers = np.concatenate(parts)
        with np.errstate(over="ignore"):
            kept = numbers.astype(np.float32, copy=False)
        if not np.isfinite(kept).all():
            raise RunError(
                f"{env_id} gives {name.replace('_', ' ')} that are not finite, at or "
                f"before step {step}"
            )


def check_values(
    losses: np.ndarray, errors: np.ndarray, updates: int, step: int
) -> None:
    """Tells of values that have left float32, in the block in which they do.

    Args:
        losses: Of a block of updates, shape `(updates,)`.
        errors: Its TD errors, shape `(updates, batch_size)`.
        updates: Gradient steps so far, with those of the block.
        step: Environment steps so far.

    Raises:
        RunError: With the update.
    """
    finite = np.isfinite(losses) & np.isfinite(errors).all(axis=1)
    if not finite.all():
        update = updates - len(finite) + int(np.argmin(finite)) + 1
        raise RunError(
            f"the loss or a value is not finite at update {update:,}, before step "
            f"{step:,}: the network has diverged; a smaller learning_rate or another "
            "clipper may keep it"
        )
