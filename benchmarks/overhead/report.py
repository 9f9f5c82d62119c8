"""The Markdown of the overhead table: every candidate, then the bars."""

from typing import Any

from benchmarks.overhead.bars import CLIP_ALONE, MODES, REFERENCE, Bar, bars_for

TITLES = {
    "mlp": "MLP, 6 variables",
    "deep": "50 Dense layers, 100 variables",
    "lstm": "LSTM over 32 steps, 5 variables",
    "long": "MLP, step 30,000 against step 10",
    "mlp alone": "The clip alone: MLP, 6 variables",
    "deep alone": "The clip alone: 50 Dense layers, 100 variables",
}

Cell = dict[str, Any]


def report(cells: list[Cell], command: str) -> str:
    """Returns the table of all cells as Markdown."""
    versions = {k: v for cell in cells for k, v in cell["versions"].items()}
    cpus = sorted({cell["cpus"] for cell in cells})
    parts = [
        "# What clipping adds to a training step",
        f"Made by `{command}`, with "
        + ", ".join(f"{name} {version}" for name, version in versions.items())
        + f", on {' or '.join(map(str, cpus))} CPU core(s), batches of 32, Adam; "
        f"{cells[0]['clock']} time; package sources {cells[0]['package']}.",
        "Ratios are step times over that of Keras's `global_clipnorm`, in the "
        "same round of blocks, all candidates taking turns: the median over "
        "rounds / the ratio of the 10th percentiles of the times, which other "
        "processes disturb less. The log that `ClipMonitor` reads is included. "
        "What no rule of ours is stands below: Keras's own clipping, the peers' "
        "functions in the same place of the same Adam, and floors, the least that "
        "the same reads and writes take, written by hand for one rule each.",
        "Bars are ratios of a candidate's step to another's: ✓ if both numbers keep "
        "the bar behind them, ✗ if neither does, ~ if one does. Where a floor is "
        "above a bar it is named, and the bar against the floor holds instead.",
        "The noise: `global_clipnorm` stands twice in each table. The "
        "distance of the second from 1, and the quartiles of its ratio in "
        'brackets, are what such a number is worth. "Load" is the machine\'s '
        "load average before and after.",
    ]
    for network, title in TITLES.items():
        columns = [
            cell
            for mode in MODES
            for cell in cells
            if (cell["network"], cell["mode"]) == (network, mode)
        ]
        if columns:
            parts += [f"## {title}", *tables(network, columns)]
    return "\n\n".join(parts) + "\n"


def tables(network: str, columns: list[Cell]) -> list[str]:
    """Returns the tables of a network: the candidates, the bars, what was left out."""
    names = (n for cell in columns for n in (*cell["ratios"], *cell["failed"]))
    rows = {name: [_entry(network, name, c) for c in columns] for name in names}
    rows["rounds"] = [str(cell["rounds"]) for cell in columns]
    rows["seconds before timing, timing"] = [
        f"{c['seconds'] - c['timed_seconds']}, {c['timed_seconds']}" for c in columns
    ]
    rows["load"] = ["{} to {}".format(*cell["load"]) for cell in columns]
    modes = [cell["mode"] for cell in columns]
    parts = [_table(["", *modes], rows)]
    bars: dict[str, list[str]] = {}
    for position, cell in enumerate(columns):
        for bar in bars_for(network, cell["mode"]):
            if bar.name in cell["pairs"]:
                row = bars.setdefault(bar.name, [""] * len(columns))
                row[position] = _verdict(bar, cell)
    if bars:
        parts.append(_table(["bars", *modes], bars))
    remarks = dict.fromkeys(r for cell in columns for r in cell["remarks"])
    return parts + [f"{remark}." for remark in remarks]


def _table(head: list[str], rows: dict[str, list[str]]) -> str:
    lines = [head, ["---"] * len(head), *([name, *row] for name, row in rows.items())]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _entry(network: str, name: str, cell: Cell) -> str:
    summary = cell["ratios"].get(name)
    if summary is None:
        return "fails" if name in cell["failed"] else ""
    if name == REFERENCE or network in CLIP_ALONE:
        return f"{summary['us']:,.0f} us / {summary['low_us']:,.0f} us"
    text = f"{summary['ratio']:.2f} / {summary['low_ratio']:.2f}"
    if "once more" in name or network == "long":
        text += f" [{summary['ratio_25']:.2f}, {summary['ratio_75']:.2f}]"
    return text


def _verdict(bar: Bar, cell: Cell) -> str:
    """Whether a bar is kept, and the floor where no code could keep it."""
    found = cell["pairs"][bar.name]
    kept = {found[key] <= bar.most for key in ("ratio", "low_ratio")}
    mark = "~" if len(kept) == 2 else "✓" if True in kept else "✗"
    text = f"{found['ratio']:.3f} / {found['low_ratio']:.3f} {mark} {bar.most:g}"
    floor = cell["pairs"].get(bar.of_floor.name)
    if True not in kept and floor and floor["ratio"] > bar.most:
        text += f", below the floor's {floor['ratio']:.3f}"
    return text
