"""A file of JSON lines, one per measurement, from which a benchmark resumes.

Only the standard library is imported here: workers read it, too.
"""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

Line = dict[str, Any]


class Lines:
    """The measurements in one file.

    Args:
        path: The file, which need not exist.
        asked: What a line must say to count, such as `{"clock": "CPU"}`: lines
            measured in another way stay in the file and are passed over.
    """

    def __init__(self, path: Path, asked: Line | None = None):
        self.path = path
        self.asked = asked or {}

    def read(self) -> list[Line]:
        """The lines that count, in the order of measuring; none without a file."""
        return [line for line in self._all() if _says(line, self.asked)]

    def has(self, **what: Any) -> bool:
        """Whether one of them says all of `what`: it is not measured again."""
        return any(_says(line, what) for line in self.read())

    def append(self, line: Line) -> None:
        """Adds a measurement at once, so that a stopped benchmark keeps it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def forget(self, gone: Callable[[Line], bool] = lambda line: True) -> None:
        """Takes out those that count and that are `gone`, to be measured again."""
        kept = [x for x in self._all() if not (_says(x, self.asked) and gone(x))]
        if self.path.exists():
            self._write(kept)

    def sort(self, key: Callable[[Line], Any]) -> None:
        """Puts the file in order, for lines that were measured side by side."""
        self._write(sorted(self._all(), key=key))

    def _all(self) -> list[Line]:
        if not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_text().splitlines()]

    def _write(self, lines: Iterable[Line]) -> None:
        self.path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def _says(line: Line, what: Line) -> bool:
    return all(key in line and line[key] == value for key, value in what.items())
