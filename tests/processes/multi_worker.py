"""One worker of a MultiWorkerMirroredStrategy; TF_CONFIG says which.

It trains in a loop of its own, as Keras's `fit` does not work there.
"""

import argparse
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from helpers.training import mlp
from work import BATCH, OPTIMIZERS, die, outcome, save, share

from keras_gradclip import ClippedModel

STEPS = 16


def batches(strategy):
    """Returns the global batches, of which each worker reads its share."""

    def of_worker(context):
        arrays = share(context.input_pipeline_id, context.num_input_pipelines)
        dataset = tf.data.Dataset.from_tensor_slices(arrays)
        return dataset.batch(BATCH // context.num_input_pipelines).repeat()

    return strategy.distribute_datasets_from_function(of_worker)


def train_step(strategy, model, optimizer):
    @tf.function
    def step(x, y):
        def on_replica(x, y):
            with tf.GradientTape() as tape:
                losses = keras.losses.mean_squared_error(y, model(x))
                loss = tf.nn.compute_average_loss(losses, global_batch_size=BATCH)
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply(gradients, model.trainable_variables)

        strategy.run(on_replica, args=(x, y))

    return step


def updates(optimizer) -> int:
    # `int` of a variable with replicas is not there in Keras.
    return int(keras.ops.convert_to_numpy(optimizer.iterations))


def train(strategy, rule, folder=None, dies_at=None):
    """Trains to the end, from the last checkpoint in `folder` on."""
    with strategy.scope():
        plain = mlp()
        model = ClippedModel(plain.inputs, plain.outputs)
        model.compile(OPTIMIZERS[rule](), "mse")
        optimizer = model.optimizer
        optimizer.build(model.trainable_variables)
    checkpoint = tf.train.Checkpoint(model=model, optimizer=optimizer)
    if folder is not None and tf.train.latest_checkpoint(folder / "chief"):
        checkpoint.restore(tf.train.latest_checkpoint(folder / "chief"))
        print("restored at", updates(optimizer), flush=True)
    step = train_step(strategy, model, optimizer)
    data = iter(batches(strategy))
    for _ in range(updates(optimizer) % 8):
        next(data)
    while updates(optimizer) < STEPS:
        step(*next(data))
        done = updates(optimizer)
        if done == dies_at:
            die()
        if folder is not None and done % 6 == 0:
            # All workers must take part; only the chief's files count.
            chief = strategy.cluster_resolver.task_id == 0
            checkpoint.save(folder / ("chief" if chief else "other") / "checkpoint")
    return outcome(model, optimizer)


def errors(strategy):
    """Returns what Keras's trainer, and ours, says to those who ask for it."""
    with strategy.scope():
        plain = mlp()
        plain.compile("sgd", "mse")
        ours = ClippedModel(plain.inputs, plain.outputs)
        ours.compile("sgd", "mse")
    x, y = share(0)
    calls = {
        "keras fit": lambda: plain.fit(x, y, verbose=0),
        "keras train_on_batch": lambda: plain.train_on_batch(x, y),
        "fit": lambda: ours.fit(x, y, verbose=0),
        "train_on_batch": lambda: ours.train_on_batch(x, y),
    }
    return {name: np.array(error_of(call)) for name, call in calls.items()}


def error_of(call) -> str:
    try:
        call()
    except ValueError as error:
        return str(error)
    return "none"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("result", type=Path)
    parser.add_argument("rules", nargs="+")
    parser.add_argument("--errors", action="store_true")
    parser.add_argument("--checkpoints", type=Path)
    parser.add_argument("--dies-at", type=int)
    arguments = parser.parse_args()
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    outcomes = {
        rule: train(strategy, rule, arguments.checkpoints, arguments.dies_at)
        for rule in arguments.rules
    }
    if arguments.errors:
        outcomes["error"] = errors(strategy)
    save(arguments.result, outcomes)


if __name__ == "__main__":
    main()
