"""What `--help` says about a setting: its docstring, and the range in its type."""

import ast
import inspect
from dataclasses import field, fields, make_dataclass
from itertools import pairwise
from typing import Any, Literal, get_type_hints

from examples.dqn.settings.ranges import OneOf, is_several, rule_of


def explained(settings: type, usual: Any = None, **sections: type) -> type:
    """A dataclass as tyro is to see it, every field with its whole explanation.

    Args:
        settings: A dataclass, whose docstring is that of the command.
        usual: Has other defaults, for fields of these names.
        **sections: More of them by their headings, each of which becomes a field.
    """
    hints: dict[str, Any] = get_type_hints(settings, include_extras=True)
    docstrings = field_docstrings(settings)
    parts: list[tuple[str, Any, Any]] = []
    for part in fields(settings):
        hint, text = hints[part.name], docstrings[part.name]
        rule = rule_of(hint)
        if isinstance(rule, OneOf):
            hint = Literal.__getitem__(rule.names)
        elif rule is not None:
            told = f"each {rule.rule}" if is_several(hint) else rule.rule
            text = f"{text} {told[0].upper()}{told[1:]}."
        default = getattr(usual, part.name, part.default)
        told_by_tyro = field(default=default, metadata={"help": text})
        parts.append((part.name, hint, told_by_tyro))
    for heading, section in sections.items():
        shown = explained(section, usual)
        parts.append((heading, shown, field(default_factory=shown)))
    made = make_dataclass(settings.__name__, parts, frozen=True)
    made.__doc__ = settings.__doc__
    return made


def field_docstrings(settings: type) -> dict[str, str]:
    """The text under each field of a dataclass, on one line."""
    source = inspect.cleandoc(inspect.getsource(settings))
    [definition] = ast.parse(source).body
    assert isinstance(definition, ast.ClassDef)
    found = {}
    for before, after in pairwise(definition.body):
        if isinstance(before, ast.AnnAssign) and isinstance(after, ast.Expr):
            assert isinstance(before.target, ast.Name)
            found[before.target.id] = " ".join(ast.literal_eval(after.value).split())
    return found
