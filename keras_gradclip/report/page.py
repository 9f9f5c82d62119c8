"""The page itself: one file that needs nothing but a browser."""

import html
import json
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from keras_gradclip.advice.number_words import counted
from keras_gradclip.callbacks.spikes import Spike
from keras_gradclip.callbacks.trace import Trace
from keras_gradclip.report.columns import columns_of
from keras_gradclip.report.summary import Summary, summarize

MOST_SPIKES = 20
"""So many spikes are listed: the largest."""


def write_report(
    runs: Mapping[str, Trace],
    path: str | Path,
    *,
    spikes: Mapping[str, Sequence[Spike]] | None = None,
    advice: Mapping[str, str] | None = None,
    title: str = "What clipping did",
) -> Path:
    """Writes runs to one HTML file, which opens anywhere and loads nothing.

    Args:
        runs: Names and `Trace`s, at least one.
        path: Where to write it.
        spikes: What a monitor found, by the same names. Defaults to `None`: they
            are looked for in the traces.
        advice: Text of `advise`, by the same names. Defaults to `None`, none.
        title: Of the page.

    Returns:
        The path.

    Raises:
        ValueError: If there is no run.
    """
    if not runs:
        raise ValueError(f"`runs` must hold at least one trace. Received: {runs!r}")
    sections, data = [], []
    for i, (name, trace) in enumerate(runs.items()):
        found = summarize(trace, None if spikes is None else spikes.get(name))
        heading = name if len(runs) > 1 else ""
        text = None if advice is None else advice.get(name)
        sections.append(_section(i, heading, trace, found, text))
        data.append(columns_of(trace))
    # A "</script>" in a name would end the element that it stands in.
    packed = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    page = _file("page.html")
    parts = {
        "TITLE": html.escape(title),
        "STYLE": _file("page.css"),
        "SCRIPT": _file("page.js"),
        "SECTIONS": "\n".join(sections),
        "DATA": packed,
    }
    for mark, part in parts.items():
        page = page.replace(f"<!--{mark}-->", part)
    size = f"{(len(page.encode()) + 8) / 1024:,.0f} kB"
    path = Path(path)
    path.write_text(page.replace("<!--SIZE-->", size), encoding="utf-8")
    return path


def _file(name: str) -> str:
    return files("keras_gradclip.report").joinpath(name).read_text("utf-8")


def _section(
    number: int, heading: str, trace: Trace, found: Summary, advice: str | None
) -> str:
    first, *others = found.words
    return "\n".join(
        [
            f'<section class="run" data-run="{number}">',
            f"<h2>{html.escape(heading)}</h2>" if heading else "",
            f'<p class="lead">{html.escape(first)}</p>',
            "<ul>",
            *(f"<li>{html.escape(words)}</li>" for words in others),
            "</ul>",
            '<div class="pictures"></div>',
            _spikes(found.spikes),
            _settings(trace),
            f"<h3>Advice</h3><pre>{html.escape(advice)}</pre>" if advice else "",
            "</section>",
        ]
    )


def _spikes(spikes: Sequence[Spike]) -> str:
    if not spikes:
        return ""
    largest = sorted(sorted(spikes, key=lambda s: -s.factor)[:MOST_SPIKES])
    head = f"The largest {MOST_SPIKES} of {counted(len(spikes), 'spike')}"
    names = ("step", "epoch", "batch", "group", "norm", "times the median")
    rows = (
        (
            f"{spike.step:,}",
            *(f"{n:,}" if n >= 0 else "" for n in (spike.epoch, spike.batch)),
            spike.group,
            f"{spike.norm:.3g}",
            f"{spike.factor:.3g}",
        )
        for spike in largest
    )
    title = head if len(spikes) > MOST_SPIKES else "Spikes"
    return f"<h3>{title}</h3>{_table(names, rows)}"


def _settings(trace: Trace) -> str:
    if not trace.settings:
        return ""
    table = _table((), trace.settings.items(), "settings")
    return f"<h3>Settings</h3>{table}"


def _table(
    names: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "rows"
) -> str:
    head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    return (
        f'<div class="wide"><table class="{kind}"><tr>{head}</tr>{body}</table></div>'
    )
