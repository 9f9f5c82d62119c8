"""The rules that are measured: those of the one table of rules."""

from keras_gradclip import Clipper
from tests.rules import RULES


def rule_candidates() -> dict[str, Clipper]:
    """Returns each rule's clippers, by their labels in the table."""
    return {
        label: rule.cls(**arguments)
        for rule in RULES.values()
        for label, arguments in rule.overhead.items()
    }
