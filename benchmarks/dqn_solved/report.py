"""The Markdown of the result: each run, and whether the bar holds."""

import math
import textwrap
from collections.abc import Sequence
from statistics import median
from typing import Any

Run = dict[str, Any]

PEERS = ("SB3", "SBX", "CleanRL")
BAR = 0.4
SEEDS = 5

ABOUT = """\
Solved is the second evaluation in a row at 475 or more: the mean of 20 greedy
episodes, every 2,500 steps. Seconds are from the start of the process, imports and
compilation included, without those of the evaluations. Each project has the settings
that it publishes for CartPole: ours `settings/tuned.py`, SB3 and SBX RL Zoo's, CleanRL
those of `dqn_jax.py`."""
BY_CPU = """ All seconds are CPU time of the process, since the machine had other work
to do; alone on a core, wall time is the same."""


def report(runs: Sequence[Run]) -> str:
    """The table of all runs, and the bar."""
    found = [who for who in ("ours", *PEERS) if _of(runs, who)]
    versions = {k: v for run in runs for k, v in run["versions"].items()}
    by_cpu = runs[0]["clock"] == "CPU"
    about = textwrap.fill(ABOUT + (BY_CPU if by_cpu else ""), 88)
    rows = "\n".join(_row(who, _of(runs, who)) for who in found)
    names = ", ".join(f"{k} {v}" for k, v in versions.items())
    missing = [who for who in PEERS if who not in found]
    return f"""# Seconds until CartPole-v1 is solved, on one core

Made by `python -m benchmarks.dqn_solved{" --cpu-time" if by_cpu else ""}` on one of \
{runs[0]["machine"]}, one thread everywhere, with Python {runs[0]["python"]}, {names}.

{about}

| | seeds | solved after, s | median | at step | whole run, s | last weights |
| --- | --- | --- | --- | --- | --- | --- |
{rows}

Last weights: mean of 100 greedy episodes. The scale of the steps: ours, SB3 and SBX
train for 50,000, CleanRL for 500,000.
{_missing(missing)}
{_bar(runs, found)}
"""


def _row(who: str, runs: Sequence[Run]) -> str:
    cells = [
        who,
        str(len(runs)),
        ", ".join(_seconds(run["solved seconds"]) for run in runs),
        f"**{_seconds(_median(runs))}**",
        ", ".join(_steps(run["solved steps"]) for run in runs),
        f"{median(run['seconds'] for run in runs):.0f}",
        ", ".join(f"{run['score']:.0f}" for run in runs),
    ]
    return f"| {' | '.join(cells)} |"


def _bar(runs: Sequence[Run], found: Sequence[str]) -> str:
    times = {who: _median(_of(runs, who)) for who in found}
    peers = {who: time for who, time in times.items() if who != "ours"}
    if "ours" not in times or not peers:
        return ""
    best = min(peers, key=lambda who: peers[who])
    share = times["ours"] / peers[best]
    enough = all(len(_of(runs, who)) >= SEEDS for who in found)
    mark = "holds" if share <= BAR else "**does not hold**"
    few = "" if enough and len(peers) == len(PEERS) else " so far"
    return (
        f"The bar{few} {mark}: at most {BAR:g} of the best peer's median, {best}'s: "
        f"{share:.2f}."
    )


def _of(runs: Sequence[Run], who: str) -> list[Run]:
    found = [run for run in runs if run["who"] == who]
    return sorted(found, key=lambda run: run["seed"])


def _median(runs: Sequence[Run]) -> float:
    """Of the seconds, where never is later than any."""
    return median(
        math.inf if run["solved seconds"] is None else run["solved seconds"]
        for run in runs
    )


def _seconds(value: float | None) -> str:
    return "never" if value is None or math.isinf(value) else f"{value:.1f}"


def _steps(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _missing(names: Sequence[str]) -> str:
    return f"\nNot measured yet: {', '.join(names)}.\n" if names else ""
