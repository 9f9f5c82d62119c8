"""Which rules are held against a trace: all of the package, and some variants."""

import inspect
from collections.abc import Iterator

from keras_gradclip.clippers import Clipper, rules

# Beside the defaults: what is told of them in papers and in trackers.
VARIANTS: dict[str, tuple[dict[str, float], ...]] = {
    "AutoClip": (
        {},
        {"percentile": 10.0, "window": 1024},
        {"percentile": 90.0, "window": 1024},
    ),
    "QuantileClip": ({}, {"quantile": 0.9}),
}


def candidates() -> Iterator[Clipper]:
    """Yields the rules, those without a memory of norms left to the bounds."""
    for name in rules.__all__:
        cls = getattr(rules, name)
        needed = [p for p in _parameters(cls) if p.default is inspect.Parameter.empty]
        if needed or name == "ClipByNorm":
            continue
        for arguments in VARIANTS.get(name, ({},)):
            yield cls(**arguments)


def _parameters(cls: type) -> list[inspect.Parameter]:
    return list(inspect.signature(cls).parameters.values())
