"""What Keras itself does with a model besides training it."""

import warnings

import keras
import numpy as np
import pytest
from helpers.training import BACKEND, data, fit, mlp

from keras_gradclip import AutoClip, ClipByNorm, optimizers

pytestmark = [pytest.mark.ecosystem, pytest.mark.filterwarnings("default")]
x, y = data()


def quantize(model, mode):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Layer InputLayer does not have a")
        model.quantize(mode)


@pytest.mark.skipif(BACKEND == "torch", reason="Keras has no float8 on torch")
def test_scales_of_float8_pass_by_the_clipper():
    model = mlp()
    quantize(model, "float8")
    start = {v.path: np.asarray(v.numpy()) for v in model.trainable_variables}
    clipper = ClipByNorm(1e-6, scope="variable")
    fit(model, optimizers.SGD(1.0, clipper=clipper), epochs=1)
    moved = {
        v.path: np.abs(np.asarray(v.numpy()) - start[v.path]).max()
        for v in model.trainable_variables
    }
    scales = [path for path in moved if path.endswith("_scale")]
    kernels = [path for path in moved if path.endswith("/kernel")]
    # A scale is replaced by a new value, however far that is.
    assert max(moved[path] for path in scales) > 1e-3
    assert 0 < max(moved[path] for path in kernels) < 1e-5


def test_lora_on_a_quantized_model_trains():
    model = mlp()
    quantize(model, "int8")
    for layer in model.layers:
        layer.enable_lora(2)
    before = model.get_weights()
    fit(model, optimizers.Adam(0.01, clipper=AutoClip(30, scope="layer")))
    assert [name.split("/")[-1] for name in model.optimizer.clip_groups] == [
        "first",
        "last",
    ]
    assert any((a != b).any() for a, b in zip(before, model.get_weights()))


def test_averaged_weights_are_swapped_in_and_out():
    model = mlp()
    optimizer = optimizers.Adam(0.05, use_ema=True, clipper="autoclip")
    swap = keras.callbacks.SwapEMAWeights(swap_on_epoch=False)
    model.compile(optimizer, "mse")
    model.fit(x, y, batch_size=8, verbose=0, validation_data=(x, y), callbacks=[swap])
    assert len(optimizer.clip_history()["step"]) == 8
    # Swapped an even number of times, and made the averages at the end.
    averages = optimizer.variables
    found = [v for v in averages if "average" in v.path]
    for weight, average in zip(model.trainable_variables, found, strict=True):
        np.testing.assert_array_equal(weight.numpy(), average.numpy())


def test_averages_are_those_of_the_clipped_weights():
    model = mlp()
    optimizer = optimizers.SGD(
        0.1, use_ema=True, ema_momentum=0.5, clipper=ClipByNorm(1e-3)
    )
    start = model.get_weights()
    fit(model, optimizer, epochs=1)
    moved = [np.abs(a - b).max() for a, b in zip(start, model.get_weights())]
    assert 0 < max(moved) <= 8 * 0.1 * 1e-3
