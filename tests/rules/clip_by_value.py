"""ClipByValue's row."""

import numpy as np

from keras_gradclip import ClipByValue

from .rule import NOT_POSITIVE, Rule


def elements(gradient, memory, value):
    return np.clip(gradient, -value, value)


ROWS = {
    "ClipByValue": Rule(
        ClipByValue,
        tight={"value": 0.1},
        loose={"value": 1e30},
        every={"value": 0.2},
        bad={"value": NOT_POSITIVE},
        scheduled={"value": (0.1, 0.3)},
        # The norm that is left counts as the threshold; the direction is (.6, .8).
        answers=(({"value": 0.6}, [0.5, 1.0, 10.0], [0.5, 0.72**0.5, 0.72**0.5]),),
        overhead={"ClipByValue": {"value": 0.1}},
        keeps_direction=False,
        elements=elements,
    )
}
