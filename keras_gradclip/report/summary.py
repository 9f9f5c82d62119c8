"""What clipping did in a run, in a few figures and in words."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from keras_gradclip.advice.facts import STANDS_OUT
from keras_gradclip.advice.number_words import counted, ordinal, percent
from keras_gradclip.callbacks.spikes import Spike, SpikeFinder
from keras_gradclip.callbacks.trace import Trace


@dataclass(frozen=True)
class Summary:
    """What clipping did in a run.

    Attributes:
        steps: How many steps the trace tells of.
        every: Each of them stands for so many.
        clipped: The share of steps in which any group was clipped; of a rule
            that only observed, in which one would have been.
        observed: Whether the rule only observed.
        broken: How many steps held a NaN or an inf.
        dropped: How many of them were dropped.
        scale: The median factor where a group was clipped, 1 if none was.
        top_group: The group that was clipped most often, or `None`.
        top_share: Its share of all that was clipped.
        median: The median norm of the whole gradient.
        largest: Its largest finite norm.
        spikes: Steps that stood out, in order.
    """

    steps: int
    every: int
    clipped: float
    observed: bool
    broken: int
    dropped: int
    scale: float
    top_group: str | None
    top_share: float
    median: float
    largest: float
    spikes: tuple[Spike, ...]

    @property
    def words(self) -> list[str]:
        """The same in sentences."""
        return [
            words
            for words in (
                self._of_clipping(),
                self._of_groups(),
                self._of_spikes(),
                self._of_broken(),
                self._of_norms(),
                self._of_rows(),
            )
            if words
        ]

    def _of_clipping(self) -> str:
        if not self.steps:
            return "No step was taken."
        if self.observed:
            return (
                "Nothing was clipped: the rule only observed. "
                f"{percent(self.clipped)} of steps would have been."
            )
        if not self.clipped:
            return "No step was clipped."
        return (
            f"{percent(self.clipped)} of steps were clipped, to {self.scale:.2g} of "
            "their norm on the median."
        )

    def _of_groups(self) -> str:
        if self.top_group is None:
            return ""
        would = "would have come" if self.observed else "came"
        return (
            f"{percent(self.top_share)} of the clipping {would} from {self.top_group}."
        )

    def _of_spikes(self) -> str:
        if not self.spikes:
            return "No spikes."
        first, least = self.spikes[0], min(s.factor for s in self.spikes)
        # Rounded down, so that all of them were above it.
        digits = 10.0 ** (np.floor(np.log10(least)) - 1)
        floor = np.floor(least / digits) * digits
        batch = f", batch {first.batch:,}" if first.batch >= 0 else ""
        return (
            f"{counted(len(self.spikes), 'spike')} above {floor:g} times the median, "
            f"the {'first' if len(self.spikes) > 1 else 'only one'} at step "
            f"{first.step:,}{batch}."
        )

    def _of_broken(self) -> str:
        if not self.broken:
            return ""
        was = "was" if self.dropped == 1 else "were"
        which = "" if self.dropped == self.broken else f", {self.dropped:,} of which"
        joint = " and" if not which else ""
        return (
            f"{counted(self.broken, 'step')} held a NaN or an inf"
            f"{which}{joint} {was} dropped."
        )

    def _of_norms(self) -> str:
        if not np.isfinite(self.median):
            return ""
        return (
            f"The gradient's norm was {self.median:.3g} on the median and "
            f"{self.largest:.3g} at most."
        )

    def _of_rows(self) -> str:
        if self.every == 1:
            return f"All of this is of {counted(self.steps, 'step')}."
        return (
            f"All of this is of every {ordinal(self.every)} step, "
            f"{self.steps:,} in all."
        )


def summarize(trace: Trace, spikes: Sequence[Spike] | None = None) -> Summary:
    """Returns what clipping did in a run.

    Args:
        trace: The `Trace`.
        spikes: What a monitor found, which saw every step of a trace that was
            thinned. Defaults to `None`: they are looked for in the trace.
    """
    finite, scale = trace.finite, trace["scale"]
    above = clipped_of(trace)
    by_group = above[finite].sum(axis=0)
    total, top = int(by_group.sum()), int(by_group.argmax()) if len(by_group) else 0
    norms = trace["grad_norm"][finite]
    dropped = ~finite & (trace["grad_norm_clipped"] == 0)
    if spikes is None:
        finder = SpikeFinder(trace.groups, STANDS_OUT, trace.name)
        finder.add(trace)
        spikes = finder.spikes
    factors = _factors(trace)[above & finite[:, None]]
    return Summary(
        steps=trace.steps,
        every=trace.every,
        clipped=float(above[finite].any(axis=1).mean()) if finite.any() else 0.0,
        observed=bool(is_observed(trace)),
        broken=int((~finite).sum()),
        dropped=int(dropped.sum()),
        scale=float(np.median(factors)) if factors.size else 1.0,
        top_group=trace.groups[top] if total and scale.shape[1] > 1 else None,
        top_share=float(by_group[top] / total) if total else 0.0,
        median=float(np.median(norms)) if norms.size else float("inf"),
        largest=float(norms.max()) if norms.size else float("inf"),
        spikes=tuple(sorted(spikes)),
    )


def is_observed(trace: Trace) -> bool:
    """Whether norms were above thresholds, and nothing was done about it."""
    above = (trace["norm"] > trace["threshold"]) & trace.finite[:, None]
    return bool(above.any() and not (trace["scale"] < 1).any())


def clipped_of(trace: Trace) -> np.ndarray:
    """Returns what was clipped, or would have been, shape `(steps, groups)`."""
    if not is_observed(trace):
        return trace["scale"] < 1
    above: np.ndarray = trace["norm"] > trace["threshold"]
    return above


def _factors(trace: Trace) -> np.ndarray:
    if not is_observed(trace):
        return trace["scale"]
    with np.errstate(divide="ignore", invalid="ignore"):
        factors: np.ndarray = trace["threshold"] / trace["norm"]
    return factors
