"""The names of the package's clipping rules, without waiting for Keras."""

import ast
import importlib.util
from pathlib import Path

# Needs a list of others, which a name alone cannot give.
NOT_BY_NAME = {"chain"}


def rule_names() -> tuple[str, ...]:
    """What `--clipper` takes: the name of the file of each rule that is exported.

    They are read from the source of the one module that exports them, because
    importing the package imports Keras, for which `--help` and a mistyped flag
    should not have to wait.
    """
    spec = importlib.util.find_spec("keras_gradclip")
    assert spec is not None
    assert spec.origin is not None
    source = Path(spec.origin).parent / "clippers" / "rules.py"
    files = {
        node.module.rpartition(".")[2]
        for node in ast.parse(source.read_text()).body
        if isinstance(node, ast.ImportFrom) and node.module
    }
    return tuple(sorted(files - NOT_BY_NAME))
