"""What `python -m keras_gradclip` does."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from keras_gradclip.advice import advise
from keras_gradclip.callbacks import Trace, read_trace
from keras_gradclip.report import summarize, write_report

A_TRACE = "an .npz or .csv file of a trace, or any CSV with a column grad_norm"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns 0, or 2 if a file is of no use.

    Args:
        arguments: What was typed. Defaults to `None`: that of this process.
    """
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (OSError, ValueError, ImportError) as error:
        print(f"keras_gradclip {options.command}: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m keras_gradclip",
        description="Says what clipping did, and what to set, from norms in a file.",
    )
    commands = parser.add_subparsers(dest="command", required=True)

    report = commands.add_parser("report", help="one run as an HTML page")
    report.add_argument("trace", type=Path, metavar="TRACE", help=A_TRACE)
    report.add_argument("--out", type=Path, help="the page; otherwise beside the trace")
    report.add_argument("--advice", action="store_true", help="with advice on the page")
    report.set_defaults(run=_report)

    compare = commands.add_parser("compare", help="several runs, side by side")
    compare.add_argument("traces", type=Path, nargs="+", metavar="TRACE", help=A_TRACE)
    compare.add_argument(
        "--out",
        type=Path,
        help="a page (.html) or a picture (.png, .svg) as well",
    )
    compare.add_argument("--dark", action="store_true", help="a dark picture")
    compare.set_defaults(run=_compare)

    advice = commands.add_parser("advise", help="what rules would have done")
    advice.add_argument("trace", type=Path, metavar="TRACE", help=A_TRACE)
    advice.add_argument("--optimizer", help="what it is trained with, such as adamw")
    advice.set_defaults(run=_advise)
    return parser


def _report(options: argparse.Namespace) -> None:
    trace = read_trace(options.trace)
    path = options.out or options.trace.with_suffix(".html")
    name = options.trace.stem
    text = {name: str(advise(trace))} if options.advice else None
    write_report({name: trace}, path, advice=text, title=f"What clipping did: {name}")
    print("\n".join(summarize(trace).words))
    print(path)


def _advise(options: argparse.Namespace) -> None:
    print(advise(read_trace(options.trace), optimizer=options.optimizer))


def _compare(options: argparse.Namespace) -> None:
    paths = options.traces
    stems = [path.stem for path in paths]
    # Runs often lie in folders of their own, under one name.
    names = stems if len(set(stems)) == len(stems) else [str(path) for path in paths]
    runs = {name: read_trace(path) for name, path in zip(names, paths)}
    print("\n".join(comparison(runs)))
    if options.out is None:
        return
    if options.out.suffix == ".html":
        write_report(runs, options.out, title="Runs compared")
    else:
        _draw(runs, options.out, options.dark)
    print(options.out)


def comparison(runs: dict[str, Trace]) -> list[str]:
    """Returns a table of plain text: a line for each run."""
    names = ("run", "steps", "median norm", "largest", "clipped", "spikes", "broken")
    lines = [names]
    for name, trace in runs.items():
        found = summarize(trace)
        numbers = (f"{found.median:.3g}", f"{found.largest:.3g}")
        counts = (f"{len(found.spikes):,}", f"{found.broken:,}")
        clipped = f"{100 * found.clipped:.1f} %"
        lines.append((name, f"{found.steps:,}", *numbers, clipped, *counts))
    widths = [max(len(line[i]) for line in lines) for i in range(len(names))]
    return [
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths))
        ).rstrip()
        for line in lines
    ]


def _draw(runs: dict[str, Trace], path: Path, dark: bool) -> None:
    from keras_gradclip.plotting import (
        draw_comparison,
        dress_axes,
        legend_above,
        new_panels,
    )

    figure, (axes,) = new_panels(dark=dark)
    draw_comparison(axes, runs)
    dress_axes(axes)
    legend_above(axes)
    figure.savefig(path)
