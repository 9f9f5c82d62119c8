"""Clipping in `model.fit`, and a picture of it: the example of the README.

Run it with `python -m examples.first_fit`; it takes a few seconds and writes
`clipping.png` into the current folder.
"""

import sys

import keras
import numpy as np

import keras_gradclip
from keras_gradclip import AutoClip, ClipMonitor


def spiky_regression(samples: int = 8192) -> tuple[np.ndarray, np.ndarray]:
    """Returns a regression problem in which one batch in fifty is an outlier."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(samples, 16)).astype("float32")
    y = np.sin(x).sum(axis=1, keepdims=True)
    outliers = generator.random(samples // 32) < 0.02
    noise = generator.normal(size=y.shape) * np.repeat(outliers * 40.0, 32)[:, None]
    return x, (y + noise).astype("float32")


def main(path: str = "clipping.png") -> None:
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.layers.Dense(64, activation="relu"), keras.layers.Dense(1)]
    )
    optimizer = keras_gradclip.optimizers.Adam(
        1e-3, clipper=AutoClip(percentile=90, window=200)
    )
    model.compile(optimizer, loss="mse")
    monitor = ClipMonitor()
    x, y = spiky_regression()
    model.fit(x, y, epochs=3, shuffle=False, verbose=2, callbacks=[monitor])
    print("The picture is in", monitor.plot(path))


if __name__ == "__main__":
    main(*sys.argv[1:])
