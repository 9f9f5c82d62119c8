"""SpectralClip's row."""

import numpy as np

from keras_gradclip import SpectralClip

from .rule import NOT_A_COUNT, NOT_POSITIVE, Rule


def elements(gradient, memory, max_norm=1.0, iterations=12):
    """The same iteration, of each singular value for itself."""
    columns = gradient.shape[-1] if gradient.ndim > 1 else 1
    left, values, right = np.linalg.svd(
        gradient.reshape(-1, columns), full_matrices=False
    )
    if not values.any():
        return gradient
    squares = (values / max_norm) ** 2
    largest = 1 + np.sum(squares**4) ** 0.25
    root, inverse = (1 + squares) / largest, 1.0
    for _ in range(iterations):
        step = (3 - inverse * root) / 2
        root, inverse = root * step, inverse * step
    new = values * inverse / np.sqrt(largest)
    return ((left * new) @ right).reshape(gradient.shape)


ROWS = {
    "SpectralClip": Rule(
        SpectralClip,
        tight={"max_norm": 0.5},
        loose={"max_norm": 1e30},
        every={"max_norm": 0.3, "iterations": 5},
        bad={"max_norm": NOT_POSITIVE, "iterations": NOT_A_COUNT},
        allowed={"iterations": [1]},
        scheduled={"max_norm": (0.1, 0.6)},
        # A vector has one singular value, its norm.
        answers=(
            ({}, [1.0, 3.0, 1e6], [0.5**0.5, 3 / 10**0.5, 1.0]),
            ({"max_norm": 3.0}, [4.0], [4 * 3 / 5]),
        ),
        overhead={"SpectralClip": {}},
        keeps_direction=False,
        keeps_signs=False,
        is_idempotent=False,
        elements=elements,
    )
}
