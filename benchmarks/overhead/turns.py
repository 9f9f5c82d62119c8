"""Times candidates that take turns, and ends when their ratios are known."""

import gc
import random
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np

FEWEST_ROUNDS, LOOK_EVERY = 20, 10
WARM_UP_BLOCKS, STILL_COMPILES = 2, 50

Times = dict[str, np.ndarray]


class Timed(NamedTuple):
    """The microseconds per step of each runner's blocks, shape `(rounds,)`."""

    times: Times
    seconds: float
    """How long the timing took, all that was done before it left out."""


class Runner(Protocol):
    """What can be timed."""

    def run(self, steps: int) -> None:
        """Makes some steps and waits until they are done."""


class Limits(NamedTuple):
    """When a cell ends, whatever comes first."""

    rounds: int
    seconds: float
    known_to: float = 0.005
    """The standard error that no ratio to the first candidate exceeds any more.

    It knows of the noise only, not of the ratios, so that it favours none.
    """


def warm_up(runners: dict[str, Runner], steps: int, log: Any) -> dict[str, Runner]:
    """Runs each until nothing is left to compile; returns those that get there.

    One that compiles anew in every step would take hours. Its block lasts more than
    `STILL_COMPILES` times as long as the median one.
    """
    lasted = {}
    for _ in range(WARM_UP_BLOCKS):
        for name, runner in runners.items():
            start = time.perf_counter()
            runner.run(steps)
            lasted[name] = time.perf_counter() - start
    most = STILL_COMPILES * statistics.median(lasted.values())
    for name, seconds in lasted.items():
        if seconds > most:
            log(f"{name} is left out: it compiles in every step")
    return {name: r for name, r in runners.items() if lasted[name] <= most}


def interleave(
    runners: dict[str, Runner],
    steps: int,
    limits: Limits,
    log: Any,
    clock: Callable[[], float],
    before_round: Callable[[int], None] = lambda turn: None,
) -> Timed:
    """Times blocks of steps, the runners taking turns, all of them warmed up."""
    runners = warm_up(runners, steps, log)
    times: dict[str, list[float]] = {name: [] for name in runners}
    order = random.Random(0)
    # What lives now stays: no candidate pays for a look through it all.
    gc.collect()
    gc.freeze()
    log(f"timing at most {limits.rounds} rounds or {limits.seconds:.0f} s")
    began, end = time.perf_counter(), clock() + limits.seconds
    for turn in range(limits.rounds):
        if turn >= FEWEST_ROUNDS:
            known = turn % LOOK_EVERY == 0 and _error(times) < limits.known_to
            if known or clock() > end:
                break
        before_round(turn)
        for name in order.sample(list(runners), len(runners)):
            runners[name].run(1)  # Brings its memory back into the caches.
            start = clock()
            runners[name].run(steps)
            times[name].append((clock() - start) / steps * 1e6)
    arrays = {name: np.array(values) for name, values in times.items()}
    return Timed(arrays, time.perf_counter() - began)


def _error(times: dict[str, list[float]]) -> float:
    """The largest standard error of the median ratios, from their quartiles."""
    first, *others = (np.array(values) for values in times.values())
    if not others:
        return np.inf
    quartiles = [np.percentile(each / first, [25, 75]) for each in others]
    # A normal distribution's, of which a median has 1.25 times a mean's.
    widest = max(high - low for low, high in quartiles)
    return float(1.253 * widest / 1.349 / len(first) ** 0.5)


def summarize(
    times: Times, pairs: dict[str, tuple[str, str]]
) -> dict[str, dict[str, float]]:
    """Returns each candidate's time, and its ratio to its base.

    A ratio is taken within each round. The table shows the median over
    rounds; the quartiles show the noise. `low_ratio` is that of the 10th
    percentiles of the times: an estimate from the blocks that nothing
    interrupted.

    Args:
        times: As `interleave` returns them.
        pairs: By the name of the result, a candidate and its base; left out
            where one of them was not timed.
    """
    summary = {}
    for result, (name, base) in pairs.items():
        if name not in times or base not in times:
            continue
        ratios = times[name] / times[base]
        low, low_of_base = (np.percentile(times[n], 10) for n in (name, base))
        summary[result] = {
            "us": np.median(times[name]),
            "low_us": low,
            "ratio": np.median(ratios),
            "ratio_25": np.percentile(ratios, 25),
            "ratio_75": np.percentile(ratios, 75),
            "low_ratio": low / low_of_base,
        }
    return {
        name: {key: round(float(v), 4) for key, v in entry.items()}
        for name, entry in summary.items()
    }
