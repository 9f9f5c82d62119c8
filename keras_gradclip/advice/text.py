"""Advice as text: for a terminal, a log or an issue."""

from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from keras_gradclip.advice.number_words import counted
from keras_gradclip.advice.replay import short
from keras_gradclip.advice.verdicts import Verdict

if TYPE_CHECKING:
    from keras_gradclip.advice.advise import Advice

WIDTH = 88


def text_of(advice: "Advice") -> str:
    """Returns all of it."""
    facts, p = advice.facts, advice.facts.percentiles
    head = (
        f"{counted(facts.steps, 'step')} with a finite gradient, {facts.broken:,} "
        f"without. Norm of the whole gradient: median {facts.median:.3g}, 90th "
        f"percentile {p[90]:.3g}, 99th {p[99]:.3g}; its median drifted "
        f"{facts.drift:.3g}-fold; {counted(len(facts.spikes), 'spike')}."
    )
    rule = "no rule" if advice.rule is None else short(advice.rule)
    bound = advice.global_clipnorm
    fixed = "none" if bound is None else f"global_clipnorm={bound:g}"
    return "\n".join(
        [
            fill(head, WIDTH),
            "",
            f"Recommended: {rule}; as a fixed bound {fixed}.",
            *_listed(advice.reasons),
            "",
            "Not to use:",
            *_listed(advice.avoid or ("nothing speaks against any rule.",)),
            "",
            "What each would have done:",
            *table_lines(advice.verdicts),
            "",
            "What this cannot tell:",
            *_listed(advice.unknown),
        ]
    )


def table_lines(rows: Sequence[Verdict]) -> list[str]:
    """Returns the verdicts as a table of plain text."""
    head = ("rule", "clipped", "first tenth", "last tenth", "scale", "followed")
    cells = [head, *(_cells(row) for row in rows)]
    widths = [max(len(line[i]) for line in cells if len(line) > 2) for i in range(5)]
    widths[0] = max(len(line[0]) for line in cells)
    return [
        "  "
        + "  ".join(
            text.ljust(width) if i == 0 else text.rjust(width)
            for i, (text, width) in enumerate(zip(line, widths))
        )
        + f"  {line[-1]}"
        if len(line) > 2
        else f"  {line[0].ljust(widths[0])}  not replayed: {line[1]}"
        for line in cells
    ]


def followed(row: Verdict) -> str:
    """Says where a threshold followed the norms."""
    if not row.lost:
        return "throughout"
    stretches = [f"{first:,} to {last:,}" for first, last in row.lost]
    return f"not in steps {', '.join(stretches)}"


def _cells(row: Verdict) -> tuple[str, ...]:
    if np.isnan(row.clipped):
        return (row.rule, row.note)
    shares = (f"{100 * share:.1f} %" for share in (row.clipped, row.first, row.last))
    return (row.rule, *shares, f"{row.scale:.2f}", followed(row))


def _listed(texts: Sequence[str]) -> list[str]:
    return [
        fill(text, WIDTH, initial_indent="- ", subsequent_indent="  ") for text in texts
    ]
