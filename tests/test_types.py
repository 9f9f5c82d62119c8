"""Type checkers, and so editors, know the twins, the arguments and their choices."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# Each line that is an error says so; all others must be none.
TEXT = """
from typing import Annotated
import keras_gradclip as kg
from keras_gradclip.clippers import base

twin: type[kg.optimizers.Adam] = kg.optimizers.Adam
kg.AutoClip(10, 5, scope="layer", include="a", exclude=["b"], on_nonfinite="skip")
kg.AGC(0.1, unit_axes={"kernel": [0]})
kg.Chain([kg.AutoClip(), kg.ClipByNorm(1.0)])
kg.AutoClip(percentille=3)  # error
kg.AutoClip(10, 5, "layer")  # error
kg.AGC(scope="unti")  # error
kg.ZClip(on_nonfinite="nonsense")  # error
kg.Chain([kg.AutoClip()]).scope  # error
kg.optimizers.Adagram()  # error


class Mine(base.HistoryClipper):
    factor: Annotated[base.Hyperparameter, base.Range(above=0)] = 1.0


Mine(2.0, scope="variable")
Mine(fact=2.0)  # error
Mine(scope="unit")  # error
"""


def test_mypy_finds_each_mistake_and_nothing_else(tmp_path):
    pytest.importorskip("mypy")
    path = tmp_path / "user.py"
    path.write_text(TEXT)
    command = [sys.executable, "-m", "mypy", "--config-file=", str(path)]
    command += ["--follow-imports=silent", f"--cache-dir={tmp_path}"]
    environment = {**os.environ, "MYPYPATH": str(ROOT)}
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True
    )
    found = {int(n) for n in re.findall(r"user\.py:(\d+): error", done.stdout)}
    lines = TEXT.splitlines()
    expected = {i for i, line in enumerate(lines, 1) if line.endswith("# error")}
    assert found == expected, done.stdout + done.stderr
