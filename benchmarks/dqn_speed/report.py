"""The Markdown of the result: tables, and which bars hold."""

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

Run = dict[str, Any]

COLUMNS = {
    "steps/s": "steps/s",
    "steps/s warm": "warm",
    "steps/s with start-up": "with start-up",
    "updates/s": "updates/s",
    "updates/s warm": "warm",
    "first block seconds": "first block, s",
    "seconds": "process, s",
    "score": "score",
}
OURS = ("ours", "ours, Double off", "ours, 16 environments")
PEER_BARS = {"SB3": 6.0, "SBX": 1.8}
FLOOR_BAR = 0.6
SIXTEEN_BAR = 3.0


class Medians:
    """The medians over seeds of what was measured.

    Args:
        runs: All of them.
    """

    def __init__(self, runs: Iterable[Run]):
        self.runs: dict[str, list[Run]] = {}
        for run in runs:
            self.runs.setdefault(run["who"], []).append(run)

    def has(self, *names: str) -> bool:
        """Whether all these rows have been measured."""
        return all(who in self.runs for who in names)

    def __call__(self, who: str, figure: str) -> float:
        return median(run[figure] for run in self.runs[who])

    def part(self, who: str, name: str) -> float:
        """Seconds that a part of the training loop took."""
        return median(run["parts"][name] for run in self.runs[who])


def report(runs: Sequence[Run]) -> str:
    """The tables of all runs, and the bars, as Markdown."""
    medians = Medians(runs)
    versions = {k: v for run in runs for k, v in run["versions"].items()}
    versions = {"Python": runs[0]["python"], **versions}
    by_cpu = runs[0]["clock"] == "CPU"
    option = " --cpu-time" if by_cpu else ""
    parts = [
        "# DQN on CartPole-v1: the example, Stable-Baselines3 and SBX on one core",
        f"Made by `python -m benchmarks.dqn_speed{option}`, on one core of "
        + " or ".join(sorted({run["machine"] for run in runs}))
        + ", one thread everywhere, with "
        + ", ".join(f"{name} {number}" for name, number in versions.items())
        + f". Load average at the ends of the runs: {_range(runs, 'load')}.",
        "The recipe is RL Zoo's for Stable-Baselines3: 50,000 steps of one "
        "environment, and from step 1,000 on 128 updates of batch 64 after each 256 "
        "steps, two hidden layers of 256. The peers have its other settings too; "
        "ours are the example's defaults, AutoClip and Double DQN among them, which "
        "the peers do not have and do not pay for. Each run is a process of its own, "
        "the rows take turns, and each figure is the median over the seeds. "
        + (
            "All seconds are CPU time of the process, since the machine had other "
            "work to do; alone on a core, wall time is the same."
            if by_cpu
            else "All seconds are wall time."
        ),
        _speed_table(medians),
        "- steps/s: environment steps over the seconds of the training loop alone, "
        "compilation included; warm: as if the first block of updates, which "
        "compiles, took what the others take; with start-up: over the seconds from "
        "the start of the process to the end of training.\n"
        "- updates/s: over the seconds in the calls that update, sampling included "
        "for the peers, whose libraries do both in one call; warm: without the first "
        "block.\n"
        "- process: from its start to its end, with start-up, training and the final "
        "episodes. Ours plays them for the kept weights and for the last ones, draws "
        "its plot and saves besides.\n"
        "- score: mean return of 100 greedy episodes of the last weights; behind it "
        "the least and the greatest of the seeds.",
    ]
    if any(medians.has(who) for who in OURS):
        parts += ["## Where our time goes", _parts_table(medians)]
    if medians.has("floor"):
        parts += ["## The floor", _floor(medians)]
    return "\n\n".join([*parts, "## The bars", _bars(medians)]) + "\n"


def _speed_table(medians: Medians) -> str:
    rows = [["", "seeds", *COLUMNS.values()], ["---"] * (len(COLUMNS) + 2)]
    for who in (*PEER_BARS, *OURS):
        if not medians.has(who):
            continue
        runs = medians.runs[who]
        row = [who, str(len(runs))]
        for figure in COLUMNS:
            form = ",.1f" if "seconds" in figure or figure == "score" else ",.0f"
            row.append(format(medians(who, figure), form))
        row[-1] += f" ({_range(runs, 'score')})"
        rows.append(row)
    return _table(rows)


def _parts_table(medians: Medians) -> str:
    found = [who for who in OURS if medians.has(who)]
    names = list(medians.runs[found[0]][0]["parts"])
    rows = [["seconds in", *names, "the loop"], ["---"] * (len(names) + 2)]
    for who in found:
        loop = medians(who, "loop seconds")
        seconds = [medians.part(who, name) for name in names]
        shares = [f"{value:.1f} ({value / loop:.0%})" for value in seconds]
        rows.append([who, *shares, f"{loop:.1f}"])
    return _table(rows)


def _floor(medians: Medians) -> str:
    lines = [
        "The environment alone, one, with random actions: "
        f"{medians('floor', 'steps/s'):,.0f} steps/s. The matrix products of the "
        "updates alone, in a loop compiled by XLA as ours: "
        f"{medians('floor', 'updates/s, Double on'):,.0f} updates/s for Double DQN, "
        f"{medians('floor', 'updates/s, Double off'):,.0f} without.",
    ]
    for who, share in _shares_of_floor(medians).items():
        lines.append(
            f"- {who}: {share:.0%} of that floor once compiled, the two taking turns "
            "in one process after the training"
        )
    for who, double in zip(OURS, ("on", "off")):
        if medians.has(who, *PEER_BARS):
            lines.append(_most_possible(medians, who, double))
    return "\n".join([lines[0], "", *lines[1:]])


def _most_possible(medians: Medians, who: str, double: str) -> str:
    """What would be left of the loop if only the matrix products took time."""
    seconds = medians(who, "updates") / medians("floor", f"updates/s, Double {double}")
    most = medians(who, "steps") / seconds
    ratios = (
        f"{most / medians(peer, 'steps/s'):.1f} times {peer}" for peer in PEER_BARS
    )
    return (
        f"- Double {double}: were all else free, compilation too, these products would "
        f"bound the loop to {most:,.0f} steps/s, which is {' and '.join(ratios)}"
    )


def _shares_of_floor(medians: Medians) -> dict[str, float]:
    shares = {}
    for who in OURS:
        if medians.has(who):
            shares[who] = medians(who, "share of floor")
    return shares


def _bars(medians: Medians) -> str:
    lines = []
    for who in OURS[:2]:
        for peer, bar in PEER_BARS.items():
            if medians.has(who, peer):
                lines.append(_peer_bar(medians, who, peer, bar))
    for who, share in _shares_of_floor(medians).items():
        lines.append(
            f"- {_mark(share >= FLOOR_BAR)}: {who} makes at least {FLOOR_BAR:.0%} of "
            f"the updates of the matrix products alone: {share:.0%}."
        )
    if medians.has("ours", "ours, 16 environments"):
        lines.append(_sixteen_bar(medians))
    return "\n".join(lines)


def _peer_bar(medians: Medians, who: str, peer: str, bar: float) -> str:
    cold, warm = (
        medians(who, figure) / medians(peer, figure)
        for figure in ("steps/s", "steps/s warm")
    )
    scores = medians(who, "score"), medians(peer, "score")
    holds = cold >= bar and scores[0] >= scores[1]
    return (
        f"- {_mark(holds)}: {who} takes at least {bar:g} times the steps/s of {peer} "
        f"at an equal or better score: {cold:.2f} times, {warm:.2f} times once "
        f"compiled, with a score of {scores[0]:.1f} against {scores[1]:.1f}."
    )


def _sixteen_bar(medians: Medians) -> str:
    one, sixteen = "ours", "ours, 16 environments"
    ratio = medians(sixteen, "steps/s") / medians(one, "steps/s")
    # Were all but the updates free, the loop would still take as long as they do.
    updates = medians.part(one, "updates")
    limit = medians(one, "loop seconds") / updates
    return (
        f"- {_mark(ratio >= SIXTEEN_BAR)}: 16 environments take at least "
        f"{SIXTEEN_BAR:g} times the steps/s of one, at the same updates per step: "
        f"{ratio:.2f} times. The updates are {1 / limit:.0%} of the loop with one "
        f"environment and as many with 16, so that {limit:.2f} times is the most "
        "that any number of environments can give."
    )


def _mark(holds: bool) -> str:
    return "holds" if holds else "**does not hold**"


def _range(runs: Iterable[Run], figure: str) -> str:
    values = [run[figure] for run in runs]
    return f"{min(values):.1f} to {max(values):.1f}"


def _table(rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
