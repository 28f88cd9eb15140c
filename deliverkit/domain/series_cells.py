"""Cells of a table of measurements as people and exporters write them: moments, counts, shares and response times."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_MILLISECONDS_FROM, _MICROSECONDS_FROM, _NANOSECONDS_FROM = 1e11, 1e14, 1e17
"""Numbers from there on are no seconds since 1970 that anybody means: the first would be the year 5138."""
LATEST = 32_503_680_000.0
"""Seconds since 1970 at the beginning of the year 3000."""
_GROUPED = re.compile(r"\s*(\d+)([.,])(\d+)(?![\d.,])", re.ASCII)
_LATENCY = re.compile(r"(.+?)\s*(ns|us|\N{MICRO SIGN}s|\N{GREEK SMALL LETTER MU}s|ms|s|m)", re.ASCII | re.IGNORECASE)
SECONDS_OF = {
    "ns": 1e-9,
    "us": 1e-6,
    "\N{MICRO SIGN}s": 1e-6,
    "\N{GREEK SMALL LETTER MU}s": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
}
"""Units of response times, in seconds."""
LARGEST = 1e12
"""More requests nobody has counted, and shares of so many can still be told from 0 and 1."""


def moment(text: str) -> float:
    """The moment that a cell names.

    Args:
        text: ISO 8601 in any zone (UTC where it names none), seconds, milliseconds, microseconds or nanoseconds since
            1970, or seconds since the series began.

    Returns:
        Seconds since 1970, or since the series began.

    Raises:
        ValueError: If it names none; the message is a clause.
    """
    try:
        number = float(text)
    except ValueError:
        return _calendar(text)
    if not abs(number) < 1e21 or "_" in text:
        raise ValueError(f"{shown(text)} is no moment: {_MOMENTS}")
    seconds = in_seconds(number)
    if seconds > LATEST:
        raise ValueError(f"{shown(text)} is no moment: it would lie after the year 3000")
    return seconds


def unit_of_moment(text: str) -> float:
    """Parts of a second that a cell counts: 1 for seconds, 1e3 for milliseconds; 0 for a date of the calendar."""
    try:
        number = float(text)
    except ValueError:
        return 0.0
    if number < _MILLISECONDS_FROM:
        return 1.0
    if number < _MICROSECONDS_FROM:
        return 1e3
    return 1e6 if number < _NANOSECONDS_FROM else 1e9


def in_seconds(number: float) -> float:
    """A moment that is given as a number, in seconds."""
    if number < _MILLISECONDS_FROM:
        return number
    if number < _MICROSECONDS_FROM:
        return number / 1e3
    return number / 1e6 if number < _NANOSECONDS_FROM else number / 1e9


def number(text: str) -> float:
    """The number that a cell holds: `12`, `1e3`, `0,25`, or a share such as `4.8%`.

    Raises:
        ValueError: If it is none, or not finite and from 0 on; the message is a clause.
    """
    stripped = text.strip()
    if not stripped:
        raise ValueError("is empty; leave the row out where nothing was measured, and write 0 where nothing happened")
    digits = stripped.removesuffix("%")
    if digits.count(",") == 1 and "." not in digits:
        digits = digits.replace(",", ".")
    try:
        value = float(digits) if "_" not in digits else float("")
    except ValueError:
        raise ValueError(f"{shown(text)} is no number") from None
    return bounded(value / 100 if stripped.endswith("%") else value, text)


def mark_of(text: str) -> tuple[str, bool]:
    """The mark in a cell's number, and whether it can only be the decimal mark: `1,000` may be 1 or a thousand.

    Returns:
        `,` or `.`, empty for neither; and False where the mark may separate thousands.
    """
    found = _GROUPED.match(text)
    if not found:
        return "", True
    whole, mark, rest = found.groups()
    is_plain = len(rest) != 3 or len(whole) > 3 or whole.startswith("0") or text[found.end() :][:1] in ("e", "E")
    return mark, is_plain


def is_time(text: str) -> bool:
    """Whether a cell is a response time with its unit."""
    found = _LATENCY.fullmatch(text.strip())
    return found is not None and found[1].replace(".", "", 1).replace(",", "", 1).isdecimal()


def bounded(value: float, text: str) -> float:
    """A number that can be counted with.

    Raises:
        ValueError: If it is not finite, negative, or larger than anything that is counted.
    """
    if value != value:  # noqa: PLR0124  (that is what NaN is)
        raise ValueError("is NaN, not a number; leave the row out where nothing was measured")
    if value < 0:
        raise ValueError(f"{shown(text)} is negative")
    if value > LARGEST:
        raise ValueError(f"{shown(text)} is infinite" if value == float("inf") else f"{shown(text)} is too large")
    return value


def latency(text: str) -> float:
    """A response time in seconds: `0.3`, `300ms`, `1.2 s`.

    Raises:
        ValueError: If it is none; the message is a clause.
    """
    found = _LATENCY.fullmatch(text.strip())
    if not found:
        return number(text)
    return number(found[1]) * SECONDS_OF[found[2].lower()]


def shown(text: str) -> str:
    """A cell as a message shows it: quoted, and not longer than a line can bear."""
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


def _calendar(text: str) -> float:
    stripped = text.strip()
    if not stripped:
        raise ValueError(f"is empty: {_MOMENTS}")
    for suffix in (" UTC", " GMT"):
        stripped = stripped.removesuffix(suffix)
    try:
        at = datetime.fromisoformat(stripped)
    except ValueError:
        raise ValueError(f"{shown(text)} is no moment: {_MOMENTS}") from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


_MOMENTS = "write ISO 8601 such as 2026-11-05T12:00:05Z, seconds or milliseconds since 1970, or seconds from 0"
