"""ClipBySecondMoment's row."""

import numpy as np

from keras_gradclip import ClipBySecondMoment

from .rule import NOT_A_COUNT, NOT_A_SHARE, NOT_POSITIVE, Rule


def elements(gradient, memory, factor=3.0, decay=0.999, warmup_steps=10):
    steps = memory.get("steps", 0)
    square = memory.get("square", np.zeros_like(gradient))
    clipped = gradient.copy()
    for where, value in np.ndenumerate(gradient):
        if steps >= warmup_steps and square[where] > 0:
            bound = factor * np.sqrt(square[where] / (1 - decay**steps))
            clipped[where] = np.clip(value, -bound, bound)
    if gradient.any():
        memory["steps"] = steps + 1
        memory["square"] = decay * square + (1 - decay) * clipped**2
    return clipped


ROWS = {
    "ClipBySecondMoment": Rule(
        ClipBySecondMoment,
        tight={"factor": 0.5, "decay": 0.9, "warmup_steps": 1},
        loose={"factor": 1e25, "warmup_steps": 1},
        every={"factor": 0.3, "decay": 0.5, "warmup_steps": 2},
        bad={
            "factor": NOT_POSITIVE,
            "decay": NOT_A_SHARE,
            "warmup_steps": NOT_A_COUNT,
        },
        allowed={"decay": [0], "warmup_steps": [1]},
        scheduled={"factor": (0.2, 0.7, {"warmup_steps": 1})},
        # All elements are alike, so that it is the norms that are bounded: the
        # mean square of 1 and 2 is (.25 + .5 * 4) / .75, that of these and of
        # what is left of the 9 is (.125 + .25 * 4 + .5 * 12) / .875.
        answers=(
            (
                {"factor": 2.0, "decay": 0.5, "warmup_steps": 1},
                [1.0, 2.0, 9.0, 9.0],
                [1.0, 2.0, 2 * 3**0.5, 2 * (7.125 / 0.875) ** 0.5],
            ),
        ),
        overhead={"ClipBySecondMoment": {}},
        keeps_direction=False,
        elements=elements,
    )
}
