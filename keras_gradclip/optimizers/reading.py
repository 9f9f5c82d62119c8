"""Finding the clipped optimizers inside an optimizer, and what they did."""

from typing import Any

import numpy as np

from keras_gradclip._keras import bypasses_hook


def find_all_clipped(optimizer: Any) -> list[Any]:
    """Returns the optimizers with a clipper in `optimizer`, itself included.

    Use it to get at clippers and histories whatever stands around them: it
    looks into a `LossScaleOptimizer`, which Keras puts around the optimizer
    of a model under mixed precision, and into a `MultiOptimizer`. Of an
    optimizer that you made and kept, no search is needed.

    Args:
        optimizer: Any Keras optimizer, such as `model.optimizer`.

    Returns:
        A list, in the order of the members; empty if none has a clipper.

    Example:

    ```python
    for optimizer in find_all_clipped(model.optimizer):
        print(optimizer.name, optimizer.clipper, optimizer.clip_groups)
    ```
    """
    if getattr(optimizer, "clipper", None) is not None:
        return [optimizer]
    inner = getattr(optimizer, "inner_optimizer", None)
    members = [] if inner is None else [inner]
    if bypasses_hook(optimizer):
        members = list(optimizer.optimizers)
    return [found for member in members for found in find_all_clipped(member)]


def clip_history(optimizer: Any, since: int = 0) -> dict[str, np.ndarray]:
    """Returns what clipping did in an optimizer's last updates.

    Use it with `model.optimizer`, whatever it is: under mixed precision Keras
    puts a `LossScaleOptimizer` around yours, which has no `clip_history` of
    its own. Not for a `MultiOptimizer` with several clipped members: call it
    for each of `find_all_clipped(model.optimizer)`. It reads from the device,
    so it is not meant for every step.

    Args:
        optimizer: A Keras optimizer with one clipper, in it or inside.
        since: Int >= 0. The first update of interest, counted from 0.
            Defaults to 0.

    Returns:
        A dict of NumPy arrays, as the method `clip_history` of a clipped
        optimizer describes.

    Raises:
        ValueError: If not exactly one clipped optimizer is in `optimizer`,
            or if it is not built.

    Example:

    ```python
    keras.config.set_dtype_policy("mixed_float16")
    model.compile(optimizers.Adam(clipper="autoclip"), loss="mse")
    model.fit(x, y)
    print(clip_history(model.optimizer)["grad_norm"])
    ```
    """
    found = find_all_clipped(optimizer)
    if len(found) != 1:
        raise ValueError(
            "`optimizer` must be or hold one optimizer with a clipper; of several, "
            "ask each of `find_all_clipped(optimizer)`. Received: "
            f"optimizer={optimizer!r}, with {len(found)} clipped"
        )
    history: dict[str, np.ndarray] = found[0].clip_history(since)
    return history
