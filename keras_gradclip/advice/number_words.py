"""Numbers in words, alike in advice, reports and pictures."""


def percent(share: float) -> str:
    """Returns a share as people write it: "9.8 %", "0 %", "100 %".

    What is not all is never called 100 %, and what is not nothing never 0 %.
    """
    number = 100 * share
    if 0 < number < 0.1:
        return "less than 0.1 %"
    if 99.9 < number < 100:
        return "more than 99.9 %"
    return f"{number:.3g} %" if number >= 10 else f"{number:.2g} %"


def counted(number: int, one: str, several: str | None = None) -> str:
    """Returns a number and its noun: "1 spike", "1,204 spikes"."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def ordinal(number: int) -> str:
    """Returns "2nd", "3rd", "11th"."""
    teens = 10 <= number % 100 < 20
    ending = "th" if teens else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
