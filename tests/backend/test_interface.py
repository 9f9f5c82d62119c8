"""The three backend modules: that they keep the contract of `interface.py`.

They are read and not imported, so that no test needs all backends.
"""

import ast
import inspect
from pathlib import Path

import keras
import pytest
from helpers.training import BACKEND

import keras_gradclip
from keras_gradclip._backend import backend
from keras_gradclip._backend.interface import Backend

PACKAGE = Path(keras_gradclip.__file__).parent
CONSTANTS = {name for name in Backend.__annotations__ if name[0] != "_"}
FUNCTIONS = {
    name: list(inspect.signature(function).parameters)[1:]
    for name, function in vars(Backend).items()
    if inspect.isfunction(function) and name[0] != "_"
}
# What one module shows to its tests alone.
BESIDES = {"tensorflow": {"in_xla"}, "jax": set(), "torch": set()}
every_module = pytest.mark.parametrize("name", BESIDES)


def definitions(name):
    """Returns what a module defines itself: names and their nodes."""
    tree = ast.parse((PACKAGE / "_backend" / f"{name}.py").read_text())
    found = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = node
        targets = getattr(node, "targets", [getattr(node, "target", None)])
        for target in targets:
            for part in ast.walk(target) if target is not None else ():
                if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                    found[part.id] = node
    return {k: node for k, node in found.items() if not k.startswith("_")}


def test_the_contract_is_read_whole():
    dtypes = {"COUNT_DTYPE", "POSITION_DTYPE", "NUMBER_DTYPE"}
    assert {*dtypes, "TrainStepWithLogs", "ops"} == CONSTANTS
    assert FUNCTIONS["keep"] == ["observed", "new", "old"]
    assert len(FUNCTIONS) > 15


@every_module
def test_a_module_has_what_the_contract_names_and_nothing_else(name):
    assert set(definitions(name)) == CONSTANTS | set(FUNCTIONS) | BESIDES[name]


@every_module
def test_functions_take_the_arguments_that_the_contract_names(name):
    for function, node in definitions(name).items():
        if isinstance(node, ast.FunctionDef) and function in FUNCTIONS:
            arguments = [a.arg for a in node.args.args]
            assert arguments == FUNCTIONS[function], function


def test_the_active_module_is_that_of_keras():
    assert backend.__name__ == f"keras_gradclip._backend.{keras.backend.backend()}"
    for name in FUNCTIONS:
        assert callable(getattr(backend, name)), name
    assert isinstance(backend.TrainStepWithLogs, type)


def test_the_package_uses_nothing_that_the_contract_does_not_name():
    used = set()
    for path in PACKAGE.rglob("*.py"):
        used |= {
            node.attr
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "backend"
        }
    assert "scale_by_group" in used
    assert used - set(FUNCTIONS) <= CONSTANTS


def test_no_other_module_of_the_package_asks_which_backend_it_is():
    allowed = {"_keras.py", "__init__.py", "clipping_mixin.py"}
    for path in PACKAGE.rglob("*.py"):
        if path.name not in allowed:
            assert "BACKEND" not in path.read_text(), path


@pytest.mark.skipif(BACKEND != "tensorflow", reason="only there XLA is told apart")
def test_xla_is_recognised_where_it_is():
    import tensorflow as tf

    from keras_gradclip._backend.tensorflow import in_xla

    seen = {}

    def look(name):
        seen[name] = in_xla()
        return tf.constant(0)

    look("eager")
    tf.function(lambda: look("graph"))()
    tf.function(lambda: look("xla"), jit_compile=True)()
    inner = tf.function(lambda: look("inside xla"))
    tf.function(lambda: inner(), jit_compile=True)()
    assert seen == {"eager": False, "graph": False, "xla": True, "inside xla": True}
