"""`jax.lax.scan` and `jax.vmap` over the stateless update."""

import keras
import numpy as np
import pytest
from helpers.training import BACKEND, data, mlp

from keras_gradclip import AutoClip, optimizers

pytestmark = [
    pytest.mark.ecosystem,
    pytest.mark.skipif(BACKEND != "jax", reason="transforms of JAX"),
]
x, y = data()
batches = x.reshape(8, 8, -1), y.reshape(8, 8, -1)


def make():
    model = mlp()
    optimizer = optimizers.Adam(0.01, clipper=AutoClip(30, scope="layer"))
    optimizer.build(model.trainable_variables)
    return model, optimizer


def values(variables):
    return [v.value for v in variables]


def step_of(model, optimizer):
    import jax

    def loss_of(weights, inputs, targets):
        outputs, _ = model.stateless_call(weights, [], inputs)
        return keras.ops.mean((outputs - targets) ** 2)

    def step(carry, batch):
        weights, state = carry
        gradients = jax.grad(loss_of)(weights, *batch)
        return optimizer.stateless_apply(state, gradients, weights), None

    return step


def trained_by_hand():
    import jax

    model, optimizer = make()
    carry = values(model.trainable_variables), values(optimizer.variables)
    step = jax.jit(step_of(model, optimizer))
    for batch in zip(*batches):
        carry, _ = step(carry, batch)
    return carry


def assert_close(first, second):
    for a, b in zip(first, second):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_scan_does_as_a_loop_does():
    import jax

    model, optimizer = make()
    carry = values(model.trainable_variables), values(optimizer.variables)
    (weights, state), _ = jax.lax.scan(step_of(model, optimizer), tuple(carry), batches)
    expected_weights, expected_state = trained_by_hand()
    assert_close(weights, expected_weights)
    assert_close(state, expected_state)


def test_vmap_trains_each_of_many_models_with_a_history_of_its_own():
    import jax
    import jax.numpy as jnp

    model, optimizer = make()
    weights, state = values(model.trainable_variables), values(optimizer.variables)
    many = [jnp.stack([v, 1.5 * v, -v]) for v in weights]
    states = [jnp.stack([v] * 3) for v in state]
    step = jax.jit(jax.vmap(step_of(model, optimizer), in_axes=(0, None)))
    carry = many, states
    for batch in zip(*batches):
        carry, _ = step(carry, batch)
    expected_weights, expected_state = trained_by_hand()
    assert_close([v[0] for v in carry[0]], expected_weights)
    assert_close([v[0] for v in carry[1]], expected_state)
    (history,) = (
        v for v, own in zip(carry[1], optimizer.variables) if own.name == "clip_log"
    )
    assert not np.allclose(history[0], history[1])
