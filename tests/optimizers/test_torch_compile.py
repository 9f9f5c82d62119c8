"""`jit_compile=True` on torch. In a file of its own, for it takes a minute."""

import pytest
from helpers.training import BACKEND, assert_close, fit, mlp, weights

from keras_gradclip import AutoClip, optimizers


@pytest.mark.skipif(BACKEND != "torch", reason="torch.compile is torch's")
# torch's own remarks on what it compiles.
@pytest.mark.filterwarnings("ignore")
def test_compiled_steps_equal_eager_ones():
    eager, compiled = mlp(), mlp()
    fit(eager, optimizers.SGD(0.01, clipper=AutoClip(30)), epochs=1)
    optimizer = optimizers.SGD(0.01, clipper=AutoClip(30))
    fit(compiled, optimizer, epochs=1, jit_compile=True)
    assert_close(weights(eager), weights(compiled), 1e-4)
    assert (optimizer.clip_history()["scale"] < 1).any()
