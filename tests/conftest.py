# ruff: noqa: E402
"""What every test gets: one backend and fixed seeds."""

import contextlib
import os
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# The wheels of JAX look for accelerators that tests must not depend on.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=4")
os.environ.setdefault("MPLBACKEND", "agg")
# Tests compile the same small functions again and again.
_cache = tempfile.TemporaryDirectory(prefix="jax-cache-")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", _cache.name)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")

with contextlib.suppress(ImportError):
    # Torch and TensorFlow in one process crash if TensorFlow comes first.
    import torch  # noqa: F401

import keras
import pytest

if keras.backend.backend() == "tensorflow":
    import tensorflow as tf

    # Only before TensorFlow runs anything: devices for tests of replicas.
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0],
        [tf.config.LogicalDeviceConfiguration()] * 4,
    )


@pytest.fixture(autouse=True)
def _fixed_seed():
    keras.utils.set_random_seed(1234)


def pytest_addoption(parser):
    parser.addoption("--runslow", action="store_true", help="run slow tests as well")
    parser.addoption(
        "--ecosystem",
        action="store_true",
        help="run the tests with other packages as well, those that are installed",
    )


def pytest_collection_modifyitems(config, items):
    options = {"slow": "--runslow", "ecosystem": "--ecosystem"}
    left_out = {mark for mark, flag in options.items() if not config.getoption(flag)}
    deselected = [item for item in items if left_out & set(item.keywords)]
    config.hook.pytest_deselected(items=deselected)
    items[:] = [item for item in items if not left_out & set(item.keywords)]
