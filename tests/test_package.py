"""The package as a whole: what importing it does, what it promises."""

import importlib
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops
from keras.callbacks import Callback

import keras_gradclip
from keras_gradclip import _keras

ROOT = Path(keras_gradclip.__file__).parent
BACKENDS = {"tensorflow", "jax", "torch"}


def modules_after(code: str) -> set[str]:
    """Returns the backends that a new process has imported after `code`."""
    script = f"{code}\nimport sys; print(*sys.modules)"
    output = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT.parent,
    ).stdout
    return BACKENDS & set(output.split())


def test_importing_imports_no_backend_that_keras_does_not():
    imported = modules_after("import keras_gradclip")
    assert imported <= modules_after("import keras") | {keras.backend.backend()}


def test_the_check_of_imports_can_fail():
    assert modules_after("import keras_gradclip, optax") >= {"jax"}


def test_importing_starts_no_device():
    if keras.backend.backend() != "tensorflow":
        pytest.skip("only TensorFlow fixes its devices at the first operation")
    script = (
        "import keras_gradclip, tensorflow as tf\n"
        "cpu = tf.config.list_physical_devices('CPU')[0]\n"
        "two = [tf.config.LogicalDeviceConfiguration()] * 2\n"
        "tf.config.set_logical_device_configuration(cpu, two)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT.parent)


def test_the_hooks_in_keras_exist():
    assert _keras.missing_hooks(keras.optimizers.Optimizer) == []


def test_a_moved_hook_is_told_with_the_version():
    class Moved:
        pass

    with pytest.raises(ImportError, match=re.escape(keras.__version__)):
        _keras.check_hooks(Moved)


def built_optimizer() -> keras.optimizers.Optimizer:
    optimizer = keras.optimizers.SGD(gradient_accumulation_steps=2)
    optimizer.build([keras.Variable([1.0, 2.0], name="weight")])
    return optimizer


def test_the_private_attributes_of_keras_exist():
    optimizer = built_optimizer()
    (weight,) = _keras.weights_of(optimizer)
    assert _keras.position_of(optimizer, weight) == 0
    (accumulator,) = _keras.accumulators_of(optimizer)
    assert accumulator.shape == weight.shape
    assert _keras.call_counter_of(optimizer) in optimizer.variables
    np.testing.assert_array_equal(ops.convert_to_numpy(_keras.array_of(weight)), [1, 2])
    assert not _keras.in_stateless_scope()
    with keras.StatelessScope():
        assert _keras.in_stateless_scope()


def test_private_keras_is_touched_in_one_module_only():
    optimizer = built_optimizer()
    owners = (optimizer, optimizer.iterations, keras.Sequential(), Callback())
    private = {n for owner in owners for n in dir(owner) if re.match("_[a-z]", n)}
    for path in ROOT.rglob("*.py"):
        text = path.read_text()
        assert "keras.src" not in text, path
        if path.name != "_keras.py":
            read = set(re.findall(r"\w\.(_[a-z]\w*)", text))
            assert read & private == set(), path


def test_nothing_but_public_names_stands_in_the_package():
    # The rest, such as `dir` in a new process shows it, is private modules.
    script = "import keras_gradclip as kg; print(*dir(kg))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT.parent,
    )
    shown = {name for name in done.stdout.split() if not name.startswith("_")}
    assert shown == set(keras_gradclip.__all__)


def test_every_public_name_can_be_imported():
    assert len(set(keras_gradclip.__all__)) == len(keras_gradclip.__all__)
    packages = (
        keras_gradclip,
        keras_gradclip.callbacks,
        keras_gradclip.clippers,
        keras_gradclip.clippers.base,
        keras_gradclip.models,
        keras_gradclip.optimizers,
    )
    for package in packages:
        names = {}
        exec(f"from {package.__name__} import *", names)
        assert set(package.__all__) <= set(names), package


def test_a_backend_that_does_not_train_is_refused_with_the_choices():
    done = subprocess.run(
        [sys.executable, "-c", "import keras_gradclip"],
        capture_output=True,
        text=True,
        cwd=ROOT.parent,
        env={**os.environ, "KERAS_BACKEND": "numpy"},
    )
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1] == (
        "ImportError: keras_gradclip needs a backend that trains: `KERAS_BACKEND` must "
        "be one of 'tensorflow', 'jax', 'torch'. Received: 'numpy'"
    )


def test_public_names_exist_and_are_documented():
    for info in pkgutil.walk_packages([str(ROOT)], "keras_gradclip."):
        module = importlib.import_module(info.name)
        assert module.__doc__, info.name
    for name in keras_gradclip.__all__:
        assert getattr(keras_gradclip, name).__doc__, name


def test_rules_are_documented_alike():
    for name in keras_gradclip.clippers.__all__:
        rule = getattr(keras_gradclip, name, None)
        if isinstance(rule, type) and rule is not keras_gradclip.Clipper:
            for part in ("Use it", "Args:", "Raises:", "Example:"):
                assert part in rule.__doc__, f"{name}: {part}"
