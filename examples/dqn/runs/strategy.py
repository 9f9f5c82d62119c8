"""From the configuration to a `tf.distribute` strategy."""

import os

import tensorflow as tf

from examples.dqn.errors import ConfigError
from examples.dqn.runs.cluster import task


def configure_devices(threads: int, logical_devices: int) -> None:
    """Sets threads and logical devices, which must precede any other TF call.

    Args:
        threads: CPU threads within one operation.
        logical_devices: Devices to split the CPU into.

    Raises:
        ConfigError: If TensorFlow has started already with other settings.
    """
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
        if logical_devices > 1:
            tf.config.set_logical_device_configuration(
                tf.config.list_physical_devices("CPU")[0],
                [tf.config.LogicalDeviceConfiguration()] * logical_devices,
            )
        for gpu in tf.config.list_physical_devices("GPU"):
            # The networks are small; leave the rest of the GPU to others.
            tf.config.experimental.set_memory_growth(gpu, True)
    except RuntimeError:
        # A second run in one process keeps the threads of the first. Only a
        # missing device is worth an error, and `make_strategy` will see it.
        pass


def make_strategy(name: str, batch_size: int) -> tf.distribute.Strategy:
    """The strategy of a name.

    Args:
        name: As the setting `strategy` has it.
        batch_size: What its replicas are to share.

    Raises:
        ConfigError: If its devices are missing, or the batch does not divide.
    """
    if name == "default":
        return tf.distribute.get_strategy()
    if name == "multi_worker":
        strategy = _multi_worker()
    elif name == "tpu":
        strategy = _tpu()
    else:
        strategy = _of_this_machine(name)
    replicas = strategy.num_replicas_in_sync
    if batch_size % replicas:
        raise ConfigError(
            f"batch_size must divide by the {replicas} replicas. "
            f"Received: batch_size={batch_size}"
        )
    return strategy


def _of_this_machine(name: str) -> tf.distribute.Strategy:
    """One device, or all of the best kind."""
    gpus = tf.config.list_logical_devices("GPU")
    cpus = tf.config.list_logical_devices("CPU")
    devices = [device.name for device in gpus or cpus]
    if name == "auto":
        name = "mirrored" if len(gpus) > 1 else "one_device"
    if name == "one_device":
        return tf.distribute.OneDeviceStrategy(devices[0])
    if len(devices) < 2:
        raise ConfigError(
            "strategy='mirrored' must have two or more devices; --logical-devices 2 "
            f"makes them out of the CPU. Received: {', '.join(devices)}"
        )
    return tf.distribute.MirroredStrategy(devices)


def _multi_worker() -> tf.distribute.Strategy:
    if not task():
        raise ConfigError(
            "strategy='multi_worker' must have the variable TF_CONFIG, which tells "
            "each process the addresses of all and which one it is. "
            f"Received: TF_CONFIG={os.environ.get('TF_CONFIG', '')!r}"
        )
    return tf.distribute.MultiWorkerMirroredStrategy()


def _tpu() -> tf.distribute.Strategy:
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver.connect()
    except Exception as error:  # without a TPU each version fails in another way
        reason = " ".join(str(error).split())[:200]
        raise ConfigError(
            f"strategy='tpu' must have a TPU that TensorFlow can reach ({reason}). "
            "Received: strategy='tpu'"
        ) from error
    return tf.distribute.TPUStrategy(resolver)
