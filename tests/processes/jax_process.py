"""One process of a JAX cluster that trains through `fit`."""

import argparse
from pathlib import Path

import keras
from helpers.training import mlp
from work import BATCH, OPTIMIZERS, die, outcome, save, share

from keras_gradclip import ClipMonitor

EPOCHS = 2
STEPS_PER_EPOCH = 8


class Death(keras.callbacks.Callback):
    """Kills the process after a number of updates, of all epochs."""

    def __init__(self, updates):
        super().__init__()
        self.left = updates

    def on_train_batch_end(self, batch, logs=None):
        # The number is there only once all processes have done the step.
        float(logs["loss"])
        self.left -= 1
        if self.left == 0:
            die()


def train(index, count, rule, folder=None, dies_at=None):
    """Trains to the end, from the last checkpoint in `folder` on."""
    model, optimizer = mlp(), OPTIMIZERS[rule]()
    model.compile(optimizer, loss="mse")
    optimizer.build(model.trainable_variables)
    callbacks = []
    if folder is not None:
        folder.mkdir(exist_ok=True)
        last = folder / "process-0.weights.h5"
        if last.exists():
            model.load_weights(last)
            print("restored at", int(optimizer.iterations), flush=True)
        # Keras saves on all processes or none: it makes variables meanwhile,
        # which waits for the others. And it goes on after the death of one
        # until a value is read: the monitor does that before the last
        # checkpoint is opened to be overwritten.
        own = folder / f"process-{index}.weights.h5"
        callbacks += [
            ClipMonitor(),
            keras.callbacks.ModelCheckpoint(own, save_weights_only=True),
        ]
    if dies_at is not None:
        callbacks.append(Death(dies_at))
    model.fit(
        *share(index, count),
        batch_size=BATCH // count,
        epochs=EPOCHS,
        initial_epoch=int(optimizer.iterations) // STEPS_PER_EPOCH,
        shuffle=False,
        verbose=0,
        callbacks=callbacks,
    )
    return outcome(model, optimizer)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("result", type=Path)
    parser.add_argument("rules", nargs="+")
    parser.add_argument("--checkpoints", type=Path)
    parser.add_argument("--dies-at", type=int)
    arguments = parser.parse_args()
    # Address, number of processes and own number come from the environment.
    keras.distribution.initialize()
    # Each process has its own share already.
    distribution = keras.distribution.DataParallel(auto_shard_dataset=False)
    keras.distribution.set_distribution(distribution)
    index, count = distribution.data_shard_id, distribution.num_processes
    outcomes = {
        rule: train(index, count, rule, arguments.checkpoints, arguments.dies_at)
        for rule in arguments.rules
    }
    save(arguments.result, outcomes)


if __name__ == "__main__":
    main()
