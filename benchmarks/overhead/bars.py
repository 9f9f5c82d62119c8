"""The bars: the most that a candidate may cost, as a ratio of step times.

Nothing here looks at a backend: names that a mode does not measure have no ratio.
"""

from collections.abc import Iterator
from typing import NamedTuple

TENSORFLOW = ("tensorflow graph", "tensorflow xla")
MODES = (*TENSORFLOW, "jax jit", "torch eager")
COMPILED = MODES[:3]

REFERENCE, CLIPVALUE = "Keras global_clipnorm", "Keras clipvalue"
TIMM, OPTAX = "timm adaptive_clip_grad", "optax adaptive_grad_clip"
AUTOCLIPS = tuple(
    f"AutoClip global, {history}"
    for history in ("whole history", "window 128", "window 1024", "window 8192")
)
LAYERS = ("AutoClip layer, whole history", "AutoClip layer, window 1024")
FLOORED = (*AUTOCLIPS, "AGC unit", "ClipByValue")
ABOVE_FLOOR = 1.05
CLIP_ALONE = {"mlp alone": "mlp", "deep alone": "deep"}
"""Cells without a step around the clip, and the networks of their gradients."""


class Bar(NamedTuple):
    """One candidate's step against another's, in the same rounds."""

    candidate: str
    base: str
    most: float
    modes: tuple[str, ...] = MODES
    networks: tuple[str, ...] = ("mlp", "deep", "lstm")

    @property
    def name(self) -> str:
        return f"{self.candidate} / {self.base}"

    @property
    def of_floor(self) -> "Bar":
        """The same for the candidate's floor, if it has one."""
        return self._replace(candidate=floor_of(self.candidate))


def floor_of(candidate: str) -> str:
    """Returns the name that a candidate's hand-written floor has."""
    return f"floor of {candidate}"


def _autoclip(candidate: str) -> Iterator[Bar]:
    small = ("mlp", "lstm")
    yield Bar(candidate, REFERENCE, 1.05, networks=("deep",))
    yield Bar(candidate, REFERENCE, 1.05, ("tensorflow xla", "jax jit"), small)
    yield Bar(candidate, REFERENCE, 1.15, ("tensorflow graph", "torch eager"), small)


BARS = (
    *(bar for candidate in AUTOCLIPS for bar in _autoclip(candidate)),
    *(Bar(c, REFERENCE, 1.35, COMPILED, ("mlp",)) for c in LAYERS),
    *(Bar(c, REFERENCE, 1.15, COMPILED, ("deep",)) for c in LAYERS),
    Bar("AGC unit", REFERENCE, 1.15, TENSORFLOW),
    Bar("AGC unit", TIMM, 1.0),
    Bar("AGC unit", OPTAX, 1.0),
    Bar("ClipByValue", CLIPVALUE, 1.0),
    *(Bar(candidate, floor_of(candidate), ABOVE_FLOOR) for candidate in FLOORED),
    Bar(AUTOCLIPS[3], AUTOCLIPS[1], 1.1, networks=("mlp", "deep")),
    *(Bar(f"{c}, late", c, 1.05, networks=("long",)) for c in AUTOCLIPS[::2]),
)


def bars_for(network: str, mode: str) -> list[Bar]:
    """Returns the bars that hold in one cell."""
    return [bar for bar in BARS if network in bar.networks and mode in bar.modes]


def named_in_bars(network: str, mode: str) -> set[str]:
    """Returns the candidates that the bars of one cell compare."""
    return {n for pair in pairs_for(network, mode).values() for n in pair}


def pairs_for(network: str, mode: str) -> dict[str, tuple[str, str]]:
    """Returns what to compare for them: the bars' own pairs, and the floors'.

    Where a floor itself is above a bar, no code can keep it, and the table says so.
    """
    pairs = {}
    for bar in bars_for(network, mode):
        pairs[bar.name] = (bar.candidate, bar.base)
        floor = bar.of_floor
        if floor.candidate != bar.base:
            pairs[floor.name] = (floor.candidate, floor.base)
    return pairs
