"""The table of what was seen."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.dqn_collapse.candidates import CANDIDATES

Run = dict[str, Any]

# What a late evaluation is: the second half of the run.
LATE = 0.5
GOOD = 475

FINDING = """\
**Why runs end worse than they were.** In a state that can still be saved, the wrong
action costs next to nothing: the next one makes up for it. So the better the values,
the smaller the gap between the two actions: with layer normalisation it falls from 1 to
3 after 2,500 steps to 0.1 or 0.2, of a value of 100. One block of updates moves it by
as much, and turns the choice in a tenth to a third of the states, so that noise
decides, and the cart drifts off. The other suspects: values end at about 100, which is
right, with layer normalisation, and up to 25 too high without; dead units are as many
when the score is 500 as when it falls; the kernels' norm grows through the whole run
without layer normalisation, and hardly with it; the share of clipped gradients falls
from all to three in four as the step size falls.

**What changes it.** Layer normalisation and returns over three steps make the values
right early, which alone is not enough: the gap is then the smallest. Advantage learning
is what keeps it open: the target of an action is lowered by a share of what it is worth
less than the best one. The best action keeps its value, and a choice once learned is
not turned by noise. It needs the right values: without layer normalisation it did not
help the seed that it was tried on. Returns over ten steps did not help, nor did more
exploration, on the two seeds that they were tried on."""


def report(runs: Sequence[Run]) -> str:
    """The whole page."""
    rows = []
    for name in CANDIDATES:
        found = sorted((r for r in runs if r["candidate"] == name), key=_seed)
        if found:
            rows.append(_row(name, found))
    head = (
        "| settings | seeds | late evaluations | at 475 or more | last weights "
        "| highest value | gap | moved | turned | dead | weights |"
    )
    lines = "\n".join(rows)
    details = "\n".join(
        f"| {name} | {_scores(runs, name)} |" for name in CANDIDATES if _of(runs, name)
    )
    return f"""# Why runs of the DQN example ended worse than they were: CartPole-v1

{FINDING}

{head}
|{" --- |" * head.count(" | ")} --- |
{lines}

- Command: `python -m benchmarks.dqn_collapse --seeds 100..107`; the seeds are those
  that settings are tuned on, never those that scores are reported for.
- late evaluations: mean return of the greedy evaluations in the second half of the
  run, 10 episodes each, and the share of them that was at 475 or more; last weights:
  mean of 100 greedy episodes at the end.
- The rest are means over the evaluations of the second half, on 2,000 states of the
  newest quarter of the replay: the highest value; the median distance between the
  two actions' values, how far one block of 64 updates moves it, and the share of
  states in which that turns the choice; hidden units that are 0 on all states; and
  the norm of the kernels at the end.

Last weights by seed:

| settings | scores |
| --- | --- |
{details}
"""


def _row(name: str, runs: Sequence[Run]) -> str:
    late = [_late(run) for run in runs]
    greedy = np.concatenate([[look["greedy"] for look in looks] for looks in late])
    cells = [
        name,
        str(len(runs)),
        f"{greedy.mean():.0f}",
        f"{(greedy >= GOOD).mean():.0%}",
        f"**{np.mean([run['last'] for run in runs]):.1f}**",
    ]
    for what, form in {
        "highest value": ".0f",
        "gap": ".2f",
        "moved": ".2f",
        "turned": ".0%",
        "dead": ".0%",
    }.items():
        mean = np.mean([look[what] for looks in late for look in looks])
        cells.append(format(mean, form))
    cells.append(f"{np.mean([looks[-1]['weights'] for looks in late]):.0f}")
    return f"| {' | '.join(cells)} |"


def _late(run: Run) -> list[dict[str, float]]:
    looks = run["seen"]
    return [look for look in looks if look["step"] >= LATE * looks[-1]["step"]]


def _scores(runs: Sequence[Run], name: str) -> str:
    return ", ".join(f"{run['seed']}: {run['last']:.0f}" for run in _of(runs, name))


def _of(runs: Sequence[Run], name: str) -> list[Run]:
    return sorted((run for run in runs if run["candidate"] == name), key=_seed)


def _seed(run: Run) -> int:
    seed: int = run["seed"]
    return seed
