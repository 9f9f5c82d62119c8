"""What a monitor says when something is wrong, in words."""

from collections.abc import Sequence

from keras_gradclip.callbacks.spikes import Spike


def words_of_dropped(in_a_row: int, name: str) -> str:
    return (
        f"The gradients of {in_a_row} steps in a row held a NaN or an inf"
        f"{f' ({name})' if name else ''}: the steps were dropped, and nothing is "
        "learned. Look for their cause: a learning rate that is too large, a "
        "loss that overflows, or the data."
    )


def words_of_spikes(spikes: Sequence[Spike]) -> str:
    worst = max(spikes, key=lambda spike: spike.factor)
    batch = f", batch {worst.batch} of its epoch" if worst.batch >= 0 else ""
    others = f"; {len(spikes) - 1} more lately" if len(spikes) > 1 else ""
    return (
        f"The gradient's norm in '{worst.group}' rose to {worst.norm:.3g}, "
        f"{worst.factor:.3g} times its median, at step {worst.step}{batch}{others}."
    )
