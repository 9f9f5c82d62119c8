"""The one table of rules: a new rule joins every common test by a file here.

Arguments, configurations, saving, conformance, hostile numbers, overhead and
documentation all read it; a rule that is exported and has no row is an error.
"""

import pkgutil
from importlib import import_module

from .rule import ALL_SCOPES, HISTORY_SCOPES, Rule

__all__ = ["ALL_SCOPES", "CASES", "HISTORY_SCOPES", "RULES", "Rule"]

RULES: dict[str, Rule] = {}
for _module in sorted(info.name for info in pkgutil.iter_modules(__path__)):
    RULES |= getattr(import_module(f"{__name__}.{_module}"), "ROWS", {})

CASES = [(name, scope) for name, rule in RULES.items() for scope in rule.scopes]
