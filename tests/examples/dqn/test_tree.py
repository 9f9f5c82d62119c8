"""The example's modules import each other in one direction."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[3]


def imports_of(path):
    """The example's modules that a file names, at the top or in a function."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def arrows():
    files = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): path
        for path in (ROOT / "examples" / "dqn").rglob("*.py")
    }
    return {name: {*imports_of(path)} & {*files} for name, path in files.items()}


def test_no_circle():
    # Raises CycleError with the circle, if there is one.
    order = [*TopologicalSorter(arrows()).static_order()]
    assert len(order) > 40


def test_settings_need_nothing_of_what_they_set():
    allowed = {"settings", "errors"}
    for name, found in arrows().items():
        if name.startswith("examples.dqn.settings."):
            assert {other.split(".")[2] for other in found} <= allowed, name
