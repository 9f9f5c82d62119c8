"""What the norms of a trace are like."""

import re
from dataclasses import dataclass

import numpy as np

from keras_gradclip.callbacks.spikes import Spike, SpikeFinder
from keras_gradclip.callbacks.trace import Trace

PARTS = 10
"""Into so many stretches a run is cut, to see what moves."""

STANDS_OUT = 20.0
"""So many robust deviations above the running median make a spike."""


@dataclass(frozen=True)
class Facts:
    """What the norms of the whole gradient were like, broken steps left out."""

    steps: int
    broken: int
    """How many steps held a NaN or an inf."""

    median: float
    percentiles: dict[int, float]
    medians: tuple[float, ...]
    """Of ten stretches of the run, in order."""

    tail: float
    """How many times its stretch's median a norm is that one in twenty exceeds."""

    spikes: tuple[Spike, ...]
    loudest: str | None
    """The group that most spikes were in, where there are several groups."""

    loudest_share: float
    """The share of the spikes that were in it."""

    @property
    def drift(self) -> float:
        """How many times the smallest of the medians the largest is."""
        least = min(self.medians)
        return max(self.medians) / least if least > 0 else float("inf")

    @property
    def rises(self) -> bool:
        """Whether the largest of the medians comes after the smallest."""
        return bool(np.argmax(self.medians) > np.argmin(self.medians))


def facts_of(trace: Trace) -> Facts:
    """Returns what there is to say of the norms.

    Raises:
        ValueError: If the trace holds no finite norm above 0.
    """
    finite = trace.finite
    norms = trace["grad_norm"][finite].astype("float64")
    if not (norms > 0).any():
        raise ValueError(
            "`trace` must hold norms above 0. Received: "
            f"{trace!r}, {int(finite.sum())} of its steps finite"
        )
    parts = [part for part in np.array_split(norms, PARTS) if len(part)]
    medians = [float(np.median(part)) for part in parts]
    # Against its own stretch: a drift is no heavy tail.
    ratios = [p / m for p, m in zip(parts, medians) if m > 0]
    at = (1, 5, 10, 25, 50, 75, 90, 95, 99)
    finder = SpikeFinder(trace.groups, STANDS_OUT, trace.name)
    finder.add(trace)
    spikes = finder.spikes
    names = [spike.group for spike in spikes]
    loudest = max(set(names), key=names.count) if names else None
    return Facts(
        steps=len(norms),
        broken=int((~finite).sum()),
        median=float(np.median(norms)),
        percentiles=dict(zip(at, np.percentile(norms, at).tolist())),
        medians=tuple(medians),
        tail=float(np.percentile(np.concatenate(ratios), 95)),
        spikes=tuple(spikes),
        loudest=loudest if len(trace.groups) > 1 else None,
        loudest_share=names.count(str(loudest)) / len(names) if names else 0.0,
    )


def norms_of_groups(trace: Trace) -> np.ndarray:
    """Returns the norms that rules of several groups would see.

    Of a chain those that reached its first link: the others' were clipped.
    """
    first = [i for i, name in enumerate(trace.groups) if name.startswith("0/")]
    is_chain = all(re.match(r"\d+/", name) for name in trace.groups)
    return trace["norm"][:, first] if is_chain and first else trace["norm"]
