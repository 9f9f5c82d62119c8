"""The table of situations: ways to train that must all come to the same.

A situation is given a function that makes the optimizer and returns the
trained model. A new one joins by one row in `SITUATIONS`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
from helpers.reference import BATCH_SIZE, EPOCHS, RATE, batches
from helpers.replicas import by_fit, distributed, mirrored_fit, mirrored_loop
from helpers.training import BACKEND, data, fit, mlp

from keras_gradclip import ClippedModel, add_clipper

Make = Callable[..., Any]


class Situation(NamedTuple):
    """One way to train."""

    train: Callable[..., Any]
    arguments: tuple[Any, ...] = ()
    tolerance: float = 2e-4
    """Relative; float32 against float64 over 16 steps."""
    is_rounded: bool = False
    """In half precision norms near a threshold may fall on the other side."""


def eager(make):
    return by_fit(make, run_eagerly=True)


def graph(make):
    return by_fit(make, jit_compile=False)


def compiled(make):
    return by_fit(make, jit_compile=True)


def steps_per_execution(make):
    return by_fit(make, steps_per_execution=4)


def accumulation(make):
    # Four micro-batches of two in place of a batch of eight.
    model = mlp()
    model.compile(make(gradient_accumulation_steps=4), loss="mse")
    x, y = data()
    model.fit(x, y, batch_size=2, epochs=EPOCHS, shuffle=False, verbose=0)
    return model


def swapped_class(make):
    return by_fit(lambda: add_clipper(keras.optimizers.SGD(RATE), make().clipper))


def clipped_model(make):
    source = mlp()
    model = ClippedModel(source.inputs, source.outputs)
    fit(model, keras.optimizers.SGD(RATE), clipper=make().clipper)
    return model


def saved_and_resumed(make):
    import tempfile

    model = mlp()
    fit(model, make(), epochs=1)
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/model.keras")
        model = keras.models.load_model(f"{folder}/model.keras")
    x, y = data()
    model.fit(x, y, batch_size=BATCH_SIZE, shuffle=False, verbose=0)
    return model


def loss_scale(make):
    # A factor of 2**15 would show at once if it were not taken out.
    return by_fit(lambda: keras.optimizers.LossScaleOptimizer(make()))


def mixed(make, policy):
    def inside():
        if policy == "mixed_bfloat16":
            return make()
        # The usual scale overflows in the first steps, which are left out.
        return keras.optimizers.LossScaleOptimizer(make(), initial_scale=16.0)

    keras.config.set_dtype_policy(policy)
    try:
        return by_fit(inside)
    finally:
        keras.config.set_dtype_policy("float32")


def in_floatx(make, name):
    """Everything in another type, as `set_floatx` makes it."""
    # In another type the initializers draw other numbers.
    weights = mlp().get_weights()
    keras.config.set_floatx(name)
    try:
        model = mlp()
        model.set_weights(weights)
        fit(model, make())
        return model
    finally:
        keras.config.set_floatx("float32")


def in_x64(make, name):
    """JAX with 64 bits: what is not told otherwise becomes an int64 or float64."""
    import jax

    jax.config.update("jax_enable_x64", True)
    try:
        return in_floatx(make, name)
    finally:
        jax.config.update("jax_enable_x64", False)


def layers_of_two_types(make):
    wide = keras.layers.Dense(8, activation="tanh", name="first", dtype="float64")
    narrow = keras.layers.Dense(1, name="last", dtype="mixed_bfloat16")
    source = mlp()
    model = keras.Sequential([keras.Input((4,)), wide, narrow])
    model.set_weights(source.get_weights())
    fit(model, make())
    return model


def own_loop(make):
    """Custom training loops, as each backend writes them."""
    model, optimizer = mlp(), make()
    optimizer.build(model.trainable_variables)
    model.optimizer = optimizer
    _LOOPS[BACKEND](model, optimizer)
    return model


def _tensorflow_loop(model, optimizer):
    import tensorflow as tf

    @tf.function
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x, training=True) - y))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)

    for x, y in batches():
        step(tf.constant(x), tf.constant(y))


def _jax_loop(model, optimizer):
    import jax

    def loss(weights, x, y):
        predicted, _ = model.stateless_call(weights, [], x)
        return jax.numpy.mean((predicted - y) ** 2)

    @jax.jit
    def step(weights, slots, x, y):
        gradients = jax.grad(loss)(weights, x, y)
        return optimizer.stateless_apply(slots, gradients, weights)

    weights = [v.value for v in model.trainable_variables]
    slots = [v.value for v in optimizer.variables]
    for x, y in batches():
        weights, slots = step(weights, slots, x, y)
    for variables, values in (
        (model.trainable_variables, weights),
        (optimizer.variables, slots),
    ):
        for variable, value in zip(variables, values):
            variable.assign(value)


def _torch_loop(model, optimizer):
    import torch

    for x, y in batches():
        model.zero_grad()
        loss = ((model(torch.tensor(x)) - torch.tensor(y)) ** 2).mean()
        loss.backward()
        gradients = [v.value.grad for v in model.trainable_variables]
        with torch.no_grad():
            optimizer.apply(gradients, model.trainable_variables)


_LOOPS = {"tensorflow": _tensorflow_loop, "jax": _jax_loop, "torch": _torch_loop}


_SHARDED = {"first/kernel": (None, "model"), "last/kernel": ("model", None)}

SITUATIONS = {
    "eager": Situation(eager),
    "compiled": Situation(compiled),
    "steps_per_execution": Situation(steps_per_execution),
    "own loop": Situation(own_loop),
    "accumulation": Situation(accumulation),
    "add_clipper": Situation(swapped_class),
    "ClippedModel": Situation(clipped_model),
    "saved and resumed": Situation(saved_and_resumed),
    "LossScaleOptimizer": Situation(loss_scale),
    "mixed_float16": Situation(mixed, ("mixed_float16",), 0.05, True),
    "mixed_bfloat16": Situation(mixed, ("mixed_bfloat16",), 0.1, True),
    "floatx float16": Situation(in_floatx, ("float16",), 0.1, True),
    "floatx bfloat16": Situation(in_floatx, ("bfloat16",), 0.3, True),
    "layers of two types": Situation(layers_of_two_types, (), 0.1, True),
}
if BACKEND == "jax":
    SITUATIONS |= {
        "x64, float32": Situation(in_x64, ("float32",)),
        "x64, float64": Situation(in_x64, ("float64",)),
    }
else:
    SITUATIONS |= {"floatx float64": Situation(in_floatx, ("float64",))}
if BACKEND == "tensorflow":
    SITUATIONS |= {
        "graph": Situation(graph),
        "2 replicas, fit": Situation(mirrored_fit, (2,)),
        "4 replicas, fit": Situation(mirrored_fit, (4,)),
        "2 replicas, own loop": Situation(mirrored_loop, (2,)),
        "4 replicas, own loop": Situation(mirrored_loop, (4,)),
    }
elif BACKEND == "jax":
    SITUATIONS |= {
        "DataParallel, 2 devices": Situation(distributed, (2,)),
        "DataParallel, 4 devices": Situation(distributed, (4,)),
        "ModelParallel, 2 devices": Situation(distributed, ((1, 2), _SHARDED)),
        "ModelParallel, 4 devices": Situation(distributed, ((2, 2), _SHARDED)),
    }
else:
    # torch.compile has a slow test of its own; the other Keras does not have.
    del SITUATIONS["compiled"], SITUATIONS["steps_per_execution"]
