"""The names of the package's clipping rules, without waiting for Keras."""

import ast
import importlib.util
from pathlib import Path

# Exported beside the rules, and none that a name alone could make.
NOT_BY_NAME = {"Chain", "Clipper"}


def rule_names() -> tuple[str, ...]:
    """What `--clipper` takes: the name of the file of each rule that is exported.

    They are read from the source, because importing the package imports Keras, for
    which `--help` and a mistyped flag should not have to wait.
    """
    spec = importlib.util.find_spec("keras_gradclip")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin)
    # The file of a rule is named as its class.
    files = {
        path.stem.replace("_", ""): path.stem
        for path in (package.parent / "clippers").glob("*.py")
    }
    exported = [
        alias.name
        for node in ast.parse(package.read_text()).body
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").rpartition(".")[2] == "clippers"
        for alias in node.names
    ]
    return tuple(
        sorted(files[name.lower()] for name in exported if name not in NOT_BY_NAME)
    )
