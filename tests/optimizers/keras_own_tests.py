"""Runs Keras's own tests of its optimizers on our twins.

    python tests/optimizers/keras_own_tests.py report.json [left out ...]

Keras ships these tests beside its optimizers. What fails is run once more
with the plain optimizers. All in a process of its own, because names in
Keras are replaced while the tests are loaded.
"""

import collections
import contextlib
import json
import os
import sys
import types
from pathlib import Path

import keras
import pytest
from keras.src import optimizers as plain

import keras_gradclip
from keras_gradclip.optimizers.clip_state import ClipState
from keras_gradclip.optimizers.keras_optimizers import TWINS

FOLDER = Path(plain.__file__).parent
UNREACHED = 1e30


def unreached(twin):
    """Gives every instance of a twin a bound that is never reached."""
    original = twin.__init__

    def __init__(self, *args, **kwargs):
        original(self, *args, **kwargs)
        if self.clipper is None and not has_own_clipping(self):
            self.clipper = keras_gradclip.ClipByNorm(UNREACHED)

    twin.__init__ = __init__
    return twin


def has_own_clipping(optimizer):
    # Keras tests these too, and we refuse them together with a clipper.
    names = ("clipnorm", "clipvalue", "global_clipnorm")
    return any(getattr(optimizer, name) is not None for name in names)


def get(identifier):
    """Stands in for `optimizers.get`."""
    optimizer = plain.get(identifier)
    if type(optimizer) in TWINS and not has_own_clipping(optimizer):
        keras_gradclip.add_clipper(optimizer, keras_gradclip.ClipByNorm(UNREACHED))
    return optimizer


@contextlib.contextmanager
def replaced_names():
    """Lets what is imported meanwhile find our twins in place of Keras's."""
    twins = {twin.__name__: unreached(twin) for twin in TWINS.values()}
    originals = {name: getattr(keras.optimizers, name) for name in twins}
    stand_in = types.ModuleType(plain.__name__)
    vars(stand_in).update(vars(plain))
    vars(stand_in).update({**twins, "get": get})
    homes = {name: sys.modules[cls.__module__] for name, cls in originals.items()}
    keras.src.optimizers = stand_in
    for name, home in homes.items():
        setattr(home, name, twins[name])
    try:
        yield
    finally:
        # Keras itself must go on with its own.
        keras.src.optimizers = plain
        for name, home in homes.items():
            setattr(home, name, originals[name])


class Plugin:
    """Writes down how each test ended, and counts our work in each file."""

    def __init__(self, replace=contextlib.nullcontext):
        self.replace = replace
        self.outcomes = {}
        self.clips = collections.Counter()
        self.file = None

    @pytest.hookimpl(wrapper=True)
    def pytest_collection(self):
        with self.replace():
            return (yield)

    def pytest_runtest_logstart(self, nodeid):
        self.file = Path(nodeid.split("::")[0]).name

    def pytest_runtest_logreport(self, report):
        name = report.nodeid[report.nodeid.index(self.file) :]
        if report.when == "call" or report.outcome != "passed":
            self.outcomes[name] = report.outcome


def run(plugin, tests, left_out=()):
    for name in [n for n in sys.modules if n.endswith("_test")]:
        del sys.modules[name]
    original = ClipState.clip

    def counted(self, *args):
        plugin.clips[plugin.file] += 1
        return original(self, *args)

    ClipState.clip = counted
    options = ["-c", os.devnull, f"--rootdir={FOLDER}", "-p", "no:cacheprovider"]
    options += [f"--deselect={name}" for name in left_out]
    paths = [str(FOLDER / test) for test in tests]
    pytest.main([*options, "-q", "-W", "ignore", *paths], plugins=[plugin])
    ClipState.clip = original
    return plugin


def main(report, *left_out):
    files = sorted(path.name for path in FOLDER.glob("*_test.py"))
    ours = run(Plugin(replaced_names), files, left_out)
    failed = [name for name, outcome in ours.outcomes.items() if outcome == "failed"]
    plain = run(Plugin(), failed).outcomes if failed else {}
    contents = {"files": files, "ours": ours.outcomes, "clips": ours.clips}
    Path(report).write_text(json.dumps({**contents, "plain": plain}))


if __name__ == "__main__":
    main(*sys.argv[1:])
