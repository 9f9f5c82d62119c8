"""Small models and data that the tests of training share."""

import keras
import numpy as np

BACKEND = keras.backend.backend()

# How `fit` may run: arguments of `compile`.
RUN_MODES = {
    "eager": {"run_eagerly": True},
    "graph": {"jit_compile": False},
    "xla": {"jit_compile": True},
}
if BACKEND == "torch":
    # torch.compile takes a minute; it has a slow test of its own.
    RUN_MODES = {"eager": {}}


def data(samples: int = 64, features: int = 4, seed: int = 0):
    """Returns inputs and targets of a noisy linear problem, spikes included."""
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(samples, features)).astype("float32")
    y = x.sum(axis=1, keepdims=True)
    # Batches of very different gradients, so that thresholds have work.
    y *= np.repeat(generator.lognormal(sigma=2.0, size=samples // 8), 8)[:, None]
    return x, y.astype("float32")


def mlp(seed: int = 0, features: int = 4):
    """Returns a small model; the same weights for the same seed."""
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [
            keras.Input((features,)),
            keras.layers.Dense(8, activation="tanh", name="first"),
            keras.layers.Dense(1, name="last"),
        ]
    )


def fit(model, optimizer, epochs: int = 2, callbacks=(), **compile_arguments):
    """Compiles and trains on `data`, 8 batches per epoch, in fixed order."""
    model.compile(optimizer, loss="mse", **compile_arguments)
    x, y = data()
    return model.fit(
        x,
        y,
        batch_size=8,
        epochs=epochs,
        shuffle=False,
        verbose=0,
        callbacks=list(callbacks),
    )


def weights(model):
    return [np.asarray(w) for w in model.get_weights()]


def state(optimizer):
    """Returns an optimizer's variables as arrays, the clipper's included."""
    return [keras.ops.convert_to_numpy(v) for v in optimizer.variables]


def assert_same(first, second):
    """Asserts that two lists of arrays are equal bit for bit."""
    assert len(first) == len(second)
    for a, b in zip(first, second):
        np.testing.assert_array_equal(a, b)


def assert_close(first, second, tolerance: float = 1e-5):
    assert len(first) == len(second)
    for a, b in zip(first, second):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def assert_untouched(plain, ours):
    """Asserts that clipping that never cut in left the weights alone.

    Bit for bit, but for XLA: it fuses a program with one multiplication more
    in another way, which may round the last bit differently.
    """
    if BACKEND == "jax":
        assert_close(plain, ours, 1e-6)
    else:
        assert_same(plain, ours)
