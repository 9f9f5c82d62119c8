"""Words of a command line as people write them: 1e5 steps, flags half remembered."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from decimal import Decimal
from typing import Any, get_args

# What the settings are called elsewhere.
ELSEWHERE = {
    "buffer-size": "replay-size",
    "env": "env-id",
    "exploration-fraction": "epsilon-fraction",
    "max-grad-norm": "clip-max-norm",
    "steps": "total-steps",
    "tau": "target-rate",
    "timesteps": "total-steps",
    "total-timesteps": "total-steps",
}


def flags_of_type(seen: type) -> dict[str, Any]:
    """The flags that a dataclass makes, without their dashes, and their types."""
    return dict(_flags(seen))


def _flags(seen: type) -> Iterator[tuple[str, Any]]:
    for part in fields(seen):
        if is_dataclass(part.type):
            assert isinstance(part.type, type)
            yield from _flags(part.type)
        else:
            yield part.name.replace("_", "-"), part.type


def whole_numbers(words: Sequence[str], flags: Mapping[str, Any]) -> list[str]:
    """Words with 100000 for 1e5, where a flag takes whole numbers."""
    written, flag = [], ""
    for word in words:
        if word.startswith("--"):
            flag, equals, value = word.partition("=")
            if equals and _takes_integers(flag, flags):
                word = f"{flag}={_whole(value)}"
        elif _takes_integers(flag, flags):
            word = _whole(word)
        written.append(word)
    return written


def _takes_integers(flag: str, flags: Mapping[str, Any]) -> bool:
    return _holds_int(flags.get(_name(flag)))


def _holds_int(hint: Any) -> bool:
    return hint is int or any(map(_holds_int, get_args(hint)))


def _whole(word: str) -> str:
    if not re.fullmatch(r"\d+(\.\d+)?[eE]\+?\d{1,2}", word):
        return word
    value = Decimal(word)
    return str(int(value)) if value == value.to_integral_value() else word


def did_you_mean(complaint: str, flags: Mapping[str, Any]) -> str:
    """What may follow a complaint about unknown flags, nothing if nothing is near."""
    found: list[str] = []
    for word in re.findall(r"--[\w-]+", complaint):
        found += _near(_name(word), [*flags])
    if not found:
        return ""
    return (
        f"; did you mean {' or '.join(f'--{name}' for name in dict.fromkeys(found))}?"
    )


def _near(name: str, known: Sequence[str]) -> list[str]:
    """The flags that a word may stand for, the likeliest ones alone."""
    if name in ELSEWHERE:
        return [ELSEWHERE[name]] if ELSEWHERE[name] in known else []
    # lr is the learning rate.
    initials = [k for k in known if "".join(part[0] for part in k.split("-")) == name]
    begins = [k for k in known if k.startswith(name)]
    return initials or begins or difflib.get_close_matches(name, known, 2, 0.7)


def _name(flag: str) -> str:
    return flag.removeprefix("--").replace("_", "-")
