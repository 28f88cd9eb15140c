"""The last lines of a command's output, as they may be recorded: bounded, printable, without secrets."""

from __future__ import annotations

from collections.abc import Callable

LINES, LIMIT = 20, 2000
"""Lines, and characters of all of them, that are kept."""


def last_lines(text: str, hide: Callable[[str], str], *, is_cut: bool = False) -> list[str]:
    """The last lines that are not blank.

    Args:
        text: The output, or its end.
        hide: Takes out of a text what may not be told.
        is_cut: True when the text does not begin where the output does.
    """
    if is_cut:
        text = text.partition("\n")[2] or text  # half a line may hold half of what is to be hidden
    lines = [line.rstrip() for line in hide(text).splitlines() if line.strip()][-LINES:]
    shown = "\n".join("".join(letter if letter.isprintable() else " " for letter in line) for line in lines)
    return shown[-LIMIT:].split("\n") if shown else []
