"""Tools that look for a NaN or an inf find none of ours, and find a real one."""

import contextlib

import keras
import numpy as np
import pytest
from helpers.training import BACKEND, RUN_MODES, fit, mlp
from rules import CASES, RULES

from keras_gradclip import optimizers

if BACKEND == "torch":
    pytest.skip(
        "torch has no such tool for what is no gradient", allow_module_level=True
    )


@contextlib.contextmanager
def hunting():
    if BACKEND == "jax":
        import jax

        with jax.debug_nans(True), jax.debug_infs(True):
            yield
        return
    import tensorflow as tf

    tf.debugging.enable_check_numerics()
    try:
        yield
    finally:
        tf.debugging.disable_check_numerics()


def optimizer(rule, scope, kind):
    return optimizers.SGD(1e-3, clipper=RULES[rule].make(kind, scope=scope))


def cases():
    """Every rule at every scope; what is quick takes each rule's own scope."""
    for rule, scope in CASES:
        own = getattr(RULES[rule].make("tight"), "scope", scope)
        marks = [] if scope == own else [pytest.mark.slow]
        yield pytest.param(rule, scope, marks=marks)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("rule", "scope"), list(cases()))
def test_no_rule_raises_a_false_alarm(rule, scope):
    mode = RUN_MODES["graph" if BACKEND == "tensorflow" else "xla"]
    with hunting():
        model = mlp()
        fit(model, optimizer(rule, scope, "tight"), **mode)
    assert np.isfinite(np.concatenate([w.ravel() for w in model.get_weights()])).all()


@pytest.mark.filterwarnings("ignore")
def test_a_real_one_is_found():
    mode = RUN_MODES["graph" if BACKEND == "tensorflow" else "xla"]
    model = mlp()
    model.compile(optimizer("AutoClip", "global", "tight"), loss="mse", **mode)
    x, y = np.ones((8, 4), "float32"), np.full((8, 1), np.inf, "float32")
    with hunting(), pytest.raises(Exception, match=r"(?i)nan|inf"):
        model.fit(x, y, verbose=0)


def test_a_bound_of_inf_only_records():
    from keras_gradclip import ClipByNorm

    plain, ours = mlp(), mlp()
    fit(plain, keras.optimizers.SGD(1e-3))
    clipper = ClipByNorm(float("inf"))
    with hunting() if BACKEND == "tensorflow" else contextlib.nullcontext():
        fit(ours, optimizers.SGD(1e-3, clipper=clipper), jit_compile=False)
    for a, b in zip(plain.get_weights(), ours.get_weights()):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)
    history = ours.optimizer.clip_history()
    assert np.isinf(history["threshold"]).all()
    assert (history["scale"] == 1).all()
    assert ours.optimizer.clipper.get_config()["max_norm"] == float("inf")
