"""ClipByRMS's row."""

import numpy as np

from keras_gradclip import ClipByRMS

from .rule import NOT_POSITIVE, Rule


def decide(norms, observed, memory, weights, max_rms=1.0):
    return max_rms * np.sqrt(memory["sizes"])


ROWS = {
    "ClipByRMS": Rule(
        ClipByRMS,
        tight={"max_rms": 0.1},
        loose={"max_rms": 1e30},
        every={"max_rms": 0.2},
        bad={"max_rms": NOT_POSITIVE},
        scheduled={"max_rms": (0.1, 0.3)},
        # Of two elements each.
        answers=(({"max_rms": 2.0}, [1.0, 9.0], [8**0.5, 8**0.5]),),
        overhead={"ClipByRMS variable": {}},
        decide=decide,
    )
}
