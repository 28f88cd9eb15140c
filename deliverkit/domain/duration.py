"""Lengths of time as people write them: whole numbers that carry their unit, such as `300ms`, `90s` or `1h30m`."""

from __future__ import annotations

import re
from datetime import timedelta

MILLISECOND = timedelta(milliseconds=1)
LONGEST = timedelta(days=3650)
"""Whatever is longer is a slip of the keyboard, and would soon lead out of the calendar."""

_UNITS = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": MILLISECOND,
}
_PART = re.compile(r"(\d{1,15})(ms|[dhms])", re.ASCII)
_DURATION = re.compile(r"(?:\d{1,15}(?:ms|[dhms]))+", re.ASCII)


def parse_duration(text: str) -> timedelta:
    """The length of time that a text names.

    Args:
        text: Whole numbers with the units d, h, m, s and ms, the larger unit first, each at most once: `1h30m`.

    Raises:
        ValueError: If it is anything else; the message is a clause that says what was expected.
    """
    if re.fullmatch(r"\d+", text, re.ASCII):
        raise ValueError(f"{text} has no unit: write {text}ms, {text}s, {text}m or {text}h")
    if not _DURATION.fullmatch(text):
        raise ValueError(f"{text!r} is not a time: write whole numbers with a unit, such as 500ms, 90s, 1h30m or 2d")
    parts = _PART.findall(text)
    ranks = [list(_UNITS).index(unit) for _, unit in parts]
    if ranks != sorted(set(ranks)):
        raise ValueError(f"{text!r} is not a time: each unit may stand there once, the larger one first, as in 1h30m")
    milliseconds = sum(int(number) * (_UNITS[unit] // MILLISECOND) for number, unit in parts)
    if milliseconds > LONGEST // MILLISECOND:
        raise ValueError(f"{text!r} is longer than {LONGEST.days} days")
    return timedelta(milliseconds=milliseconds)


def format_duration(duration: timedelta) -> str:
    """A length of time as `parse_duration` reads it, rounded to the millisecond; `0s` for none.

    Raises:
        ValueError: If it is negative.
    """
    left = round(duration / MILLISECOND)
    if left < 0:
        raise ValueError(f"{duration} is negative")
    written = ""
    for unit, length in _UNITS.items():
        number, left = divmod(left, length // MILLISECOND)
        written += f"{number}{unit}" if number else ""
    return written or "0s"
