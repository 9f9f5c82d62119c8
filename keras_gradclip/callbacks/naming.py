"""What the optimizers that a monitor watches are called."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from keras_gradclip.optimizers.reading import find_all_clipped


def named(optimizers: Any) -> dict[str, Any]:
    """Returns the clipped optimizers of what was given, by name."""
    if isinstance(optimizers, Mapping):
        given = list(optimizers.items())
    elif isinstance(optimizers, Sequence):
        given = [(_name_of(optimizer), optimizer) for optimizer in optimizers]
    else:
        given = [("", optimizers)]
    named: dict[str, Any] = {}
    for name, optimizer in given:
        found = find_all_clipped(optimizer)
        if not found:
            raise ValueError(
                "`optimizer` must be or hold an optimizer with a clipper. "
                f"Received: optimizer={optimizer!r}"
            )
        for member in found:
            full = name if len(found) == 1 else f"{name}/{_name_of(member)}".strip("/")
            unique, number = full, 1
            while unique in named:
                unique, number = f"{full}_{number}", number + 1
            named[unique] = member
    return named


def _name_of(optimizer: Any) -> str:
    """Returns an optimizer's name, without the number that Keras appends.

    The number says how many there were before, in the whole process.
    """
    name: str = optimizer.name
    without = re.sub(r"_\d+$", "", name)
    is_automatic = without.replace("_", "") == type(optimizer).__name__.lower()
    return without if is_automatic else name
