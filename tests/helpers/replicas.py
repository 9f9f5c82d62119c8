"""Training on several devices at once, by each backend's means."""

import functools
from typing import Any

import keras
import numpy as np
from helpers.reference import BATCH_SIZE, batches
from helpers.training import fit, mlp


def by_fit(make: Any, **arguments: Any):
    model = mlp()
    fit(model, make(), **arguments)
    return model


@functools.cache
def mirrored(replicas: int):
    """One strategy for all tests: TensorFlow mixes up the collectives of several."""
    import tensorflow as tf

    devices = [f"CPU:{i}" for i in range(replicas)]
    if replicas == 2:
        return tf.distribute.MirroredStrategy(devices)
    # Two of them may live side by side if one does without collectives.
    return tf.distribute.MirroredStrategy(
        devices, cross_device_ops=tf.distribute.ReductionToOneDevice()
    )


def mirrored_fit(make, replicas, jit_compile=False):
    with mirrored(replicas).scope():
        return by_fit(make, jit_compile=jit_compile)


def mirrored_loop(make, replicas):
    import tensorflow as tf

    strategy = mirrored(replicas)
    with strategy.scope():
        model, optimizer = mlp(), make()
        optimizer.build(model.trainable_variables)
    model.optimizer = optimizer

    def update(x, y):
        with tf.GradientTape() as tape:
            errors = tf.square(model(x, training=True) - y)
            loss = tf.reduce_sum(errors) / BATCH_SIZE
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)

    @tf.function
    def step(x, y):
        strategy.run(update, args=(x, y))

    x, y = map(np.concatenate, zip(*batches()))
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).batch(BATCH_SIZE)
    for x, y in strategy.experimental_distribute_dataset(dataset):
        step(x, y)
    return model


def distributed(make, mesh, layout=None):
    """JAX, through `fit`, over as many devices as the mesh has."""
    import jax

    keras.distribution.set_distribution(_distribution(mesh, layout, jax.devices()))
    try:
        return by_fit(make)
    finally:
        keras.distribution.set_distribution(None)


def _distribution(mesh, layout, devices):
    devices = devices[: int(np.prod(mesh))]
    if layout is None:
        return keras.distribution.DataParallel(devices=devices)
    layout_map = keras.distribution.LayoutMap(
        keras.distribution.DeviceMesh(mesh, ("batch", "model"), devices)
    )
    for path, axes in layout.items():
        layout_map[path] = axes
    return keras.distribution.ModelParallel(
        layout_map=layout_map, batch_dim_name="batch"
    )
