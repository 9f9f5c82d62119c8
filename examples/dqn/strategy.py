"""From the configuration to a `tf.distribute` strategy."""

import tensorflow as tf

from examples.dqn.config import Config, ConfigError


def configure_devices(config: Config) -> None:
    """Sets threads and logical devices, which must precede any other TF call.

    Raises:
        ConfigError: If TensorFlow has started already with other settings.
    """
    try:
        tf.config.threading.set_intra_op_parallelism_threads(config.threads)
        tf.config.threading.set_inter_op_parallelism_threads(config.threads)
        if config.logical_devices > 1:
            tf.config.set_logical_device_configuration(
                tf.config.list_physical_devices("CPU")[0],
                [tf.config.LogicalDeviceConfiguration()] * config.logical_devices,
            )
        for gpu in tf.config.list_physical_devices("GPU"):
            # The networks are small; leave the rest of the GPU to others.
            tf.config.experimental.set_memory_growth(gpu, True)
    except RuntimeError:
        # A second run in one process keeps the threads of the first. Only a
        # missing device is worth an error, and `make_strategy` will see it.
        pass


def make_strategy(config: Config) -> tf.distribute.Strategy:
    """The strategy that the configuration names.

    Raises:
        ConfigError: If there are too few devices, or the batch does not divide.
    """
    gpus = tf.config.list_logical_devices("GPU")
    cpus = tf.config.list_logical_devices("CPU")
    devices = [device.name for device in gpus or cpus]
    name = config.strategy
    if name == "auto":
        name = "mirrored" if len(gpus) > 1 else "one_device"
    if name == "default":
        return tf.distribute.get_strategy()
    if name == "one_device":
        return tf.distribute.OneDeviceStrategy(devices[0])
    if len(devices) < 2:
        raise ConfigError(
            "strategy='mirrored' must have two or more devices; --logical-devices 2 "
            f"makes them out of the CPU. Received: {', '.join(devices)}"
        )
    if config.batch_size % len(devices):
        raise ConfigError(
            f"batch_size must divide by the {len(devices)} replicas. "
            f"Received: batch_size={config.batch_size}"
        )
    return tf.distribute.MirroredStrategy(devices)
